//! Why a rule can't be asked.

/// What a rule may be about.
const SUBJECTS: &str = "`status`, `stream` or `text`, or `at` or `header` with one condition";

/// Why a rule can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRule {
    /// The rule at this place of its list is bad.
    #[error("rule {number}: {why}")]
    At {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        why: Box<Self>,
    },
    /// It is about nothing.
    #[error("write one of {SUBJECTS}")]
    NoSubject,
    /// It is about several things.
    #[error("write one of {SUBJECTS}; found {}", .0.join(" and "))]
    Subjects(Vec<&'static str>),
    /// It has no condition, or several.
    #[error(
        "`{key}: {of}` needs exactly one condition, found {found}; choose from present, absent, equals, one_of, between, type, matches, contains"
    )]
    Conditions {
        /// `at` or `header`.
        key: &'static str,
        /// What stands there.
        of: String,
        /// How many conditions it has.
        found: usize,
    },
    /// Its path is none.
    #[error("`{at}` is not a JSONPath (RFC 9535, without `$.`): {}", .source.message())]
    Path {
        /// As written.
        at: String,
        /// What is wrong with it.
        source: serde_json_path::ParseError,
    },
    /// Its regular expression is none.
    #[error("`matches: {text}`: {source}")]
    Matches {
        /// As written.
        text: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// Its JSON Schema is none.
    #[error("`json_schema`: {0}")]
    JsonSchema(String),
    /// A rule on logs has no expression, or two.
    #[error("a rule on logs needs exactly one of `absent` and `present`")]
    LogExpressions,
    /// The expression of a rule on logs is none.
    #[error("`{text}`: {source}")]
    LogExpression {
        /// As written.
        text: String,
        /// What is wrong with it.
        source: regex::Error,
    },
}
