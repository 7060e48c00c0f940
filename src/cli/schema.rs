//! `bench schema`: the JSON Schema of scenario files.

/// What is printed: the schema as text, ending in a newline.
#[must_use]
pub fn run() -> String {
    crate::scenario::schema_text()
}
