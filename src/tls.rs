//! Whom TLS trusts, for everything here that speaks HTTP to an endpoint. docs/decisions/0010-tls.md says why so.

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How load speaks TLS: HTTP/1.1 alone, and a whole handshake for each connection, as each user's first one is.
///
/// # Errors
/// When this machine trusts nobody: what was looked at, and what to do.
pub(crate) fn config() -> Result<Arc<ClientConfig>, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots()?.iter().cloned());
    if store.is_empty() {
        return Err(nobody("none of them is a certificate of a CA"));
    }
    trusting(store)
}

/// The same with these roots.
pub(crate) fn trusting(store: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// An HTTP client for probes and pages, which may be `secure`: no proxy, no redirect, statuses are answers.
#[must_use]
pub(crate) fn agent(limit: Duration, secure: bool) -> ureq::Agent {
    let trusted = if secure { roots() } else { Ok(&[][..]) };
    let trusted: Vec<Certificate<'_>> = trusted
        .unwrap_or_default()
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .unversioned_rustls_crypto_provider(provider());
    ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        .tls_config(tls.build())
        .build()
        .into()
}

/// Why TLS with `host` failed, and what to do.
#[must_use]
pub(crate) fn said(error: &rustls::Error, host: &str) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(why) => format!("the certificate of `{host}` {}", mistrusted(why)),
        InvalidMessage(why) => format!(
            "what `{host}` sends is not TLS ({why:?}); if it speaks plain HTTP, write `http://` in its URL"
        ),
        AlertReceived(alert) => format!("`{host}` ended TLS with the alert {alert:?}"),
        other => format!("TLS with `{host}` failed: {other}"),
    }
}

/// Whether TLS fails in the same way as long as the server is what it is: its certificate is not trusted, or it speaks
/// something else.
#[must_use]
pub(crate) fn lasts(error: &rustls::Error) -> bool {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    matches!(error, InvalidCertificate(_) | InvalidMessage(_))
}

fn mistrusted(why: &CertificateError) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYetContext, UnknownIssuer,
    };
    match why {
        UnknownIssuer | BadSignature => "is signed by nobody that this machine trusts; for a CA of your own, set SSL_CERT_FILE to its PEM file".into(),
        NotValidForName | NotValidForNameContext { .. } => {
            format!("is for another name ({why}); write a name that it holds in the URL")
        }
        Expired => "has expired; renew it".into(),
        ExpiredContext { time, not_after } => format!(
            "has expired: it was valid until {}, and by this machine's clock it is {}; renew it",
            instant(*not_after),
            instant(*time)
        ),
        NotValidYetContext { time, not_before } => format!(
            "is not valid yet: it will be from {}, and by this machine's clock it is {}; set the clock right",
            instant(*not_before),
            instant(*time)
        ),
        // What `openssl req -x509` makes unless told otherwise.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => "is that of a CA, which must not serve; sign one for the server with it, or make it with `-addext basicConstraints=critical,CA:FALSE`".into(),
        other => format!("can't be verified: {other}"),
    }
}

/// An instant as people write it.
fn instant(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("{seconds} s after 1970"), |at| at.to_string())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Certificates that this machine trusts, read once: SSL_CERT_FILE and SSL_CERT_DIR if they are set, otherwise the system's.
fn roots() -> Result<&'static [CertificateDer<'static>], String> {
    static ROOTS: OnceLock<Result<Vec<CertificateDer<'static>>, String>> = OnceLock::new();
    let read = || {
        // Otherwise a name mistyped would leave only the certificates of SSL_CERT_DIR, without a word.
        if let Some(Err(error)) = std::env::var_os("SSL_CERT_FILE").map(std::fs::File::open) {
            return Err(nobody(&error.to_string()));
        }
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let why = found.errors.first();
            return Err(nobody(
                &why.map_or("it holds none".into(), ToString::to_string),
            ));
        }
        Ok(found.certs)
    };
    ROOTS.get_or_init(read).as_deref().map_err(Clone::clone)
}

fn nobody(why: &str) -> String {
    let set = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .find_map(|name| Some(format!("in {name}={}", std::env::var(name).ok()?)));
    let place = set.unwrap_or_else(|| "where this machine keeps them".into());
    format!(
        "no certificates to trust were found {place}: {why}; install `ca-certificates`, or set SSL_CERT_FILE to the PEM file of a CA"
    )
}
