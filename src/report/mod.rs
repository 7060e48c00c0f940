//! Pure renderers: a record in, a table, Markdown or JUnit out.
