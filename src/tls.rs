//! Trusted certificates and TLS settings of all HTTP clients. docs/decisions/0010-tls.md gives the reasons.

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// TLS settings of the load: only HTTP/1.1, and a full handshake for each connection, as for the first one of each
/// user.
///
/// # Errors
/// Returns a message if no trusted certificates are found, with the location that was read and advice.
pub(crate) fn config() -> Result<Arc<ClientConfig>, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots()?.iter().cloned());
    if store.is_empty() {
        return Err(no_roots("none of them is a certificate of a CA"));
    }
    config_with_roots(store)
}

/// TLS settings of the load with these roots.
pub(crate) fn config_with_roots(store: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// An HTTP client for probes and metrics endpoints. It uses no proxy, follows no redirects, and returns error statuses
/// as responses. `secure` enables TLS.
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

/// The reason why TLS with `host` failed, with advice.
#[must_use]
pub(crate) fn explain(error: &rustls::Error, host: &str) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    match error {
        InvalidCertificate(why) => {
            format!("the certificate of `{host}` {}", certificate_problem(why))
        }
        InvalidMessage(why) => format!(
            "`{host}` does not use TLS ({why:?}); if it uses plain HTTP, write `http://` in its URL"
        ),
        AlertReceived(alert) => format!("`{host}` ended TLS with the alert {alert:?}"),
        other => format!("TLS with `{host}` failed: {other}"),
    }
}

/// Whether a retry fails in the same way: the certificate is not trusted, or the server does not use TLS.
#[must_use]
pub(crate) fn is_permanent(error: &rustls::Error) -> bool {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    matches!(error, InvalidCertificate(_) | InvalidMessage(_))
}

fn certificate_problem(why: &CertificateError) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYetContext, UnknownIssuer,
    };
    match why {
        UnknownIssuer | BadSignature => "has no issuer that this machine trusts; for your own CA, set SSL_CERT_FILE to its PEM file".into(),
        NotValidForName | NotValidForNameContext { .. } => {
            format!("is for another name ({why}); use a name of the certificate in the URL")
        }
        Expired => "has expired; renew it".into(),
        ExpiredContext { time, not_after } => format!(
            "has expired: it was valid until {}, but the clock of this machine shows {}; renew it",
            instant(*not_after),
            instant(*time)
        ),
        NotValidYetContext { time, not_before } => format!(
            "is not valid yet: it is valid from {}, but the clock of this machine shows {}; correct the clock",
            instant(*not_before),
            instant(*time)
        ),
        // `openssl req -x509` creates such a certificate by default.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => "belongs to a CA and cannot be used by a server; sign a certificate for the server with it, or create it with `-addext basicConstraints=critical,CA:FALSE`".into(),
        other => format!("cannot be verified: {other}"),
    }
}

/// Formats a time for people.
fn instant(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("{seconds} s after 1970"), |at| at.to_string())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Certificates that this machine trusts, read once: those of SSL_CERT_FILE and SSL_CERT_DIR if set, or else the
/// system's.
fn roots() -> Result<&'static [CertificateDer<'static>], String> {
    static ROOTS: OnceLock<Result<Vec<CertificateDer<'static>>, String>> = OnceLock::new();
    let read = || {
        // Without this check, a mistyped path would be ignored silently, and only SSL_CERT_DIR would be used.
        if let Some(Err(error)) = std::env::var_os("SSL_CERT_FILE").map(std::fs::File::open) {
            return Err(no_roots(&error.to_string()));
        }
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let why = found.errors.first();
            return Err(no_roots(
                &why.map_or("it contains none".into(), ToString::to_string),
            ));
        }
        Ok(found.certs)
    };
    ROOTS.get_or_init(read).as_deref().map_err(Clone::clone)
}

fn no_roots(why: &str) -> String {
    let set = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .find_map(|name| Some(format!("in {name}={}", std::env::var(name).ok()?)));
    let place = set.unwrap_or_else(|| "in the default locations of this machine".into());
    format!(
        "no trusted certificates were found {place}: {why}; install `ca-certificates`, or set SSL_CERT_FILE to the PEM file of a CA"
    )
}
