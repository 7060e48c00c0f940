//! Drives load over HTTP/1.1 and notes when every byte came; parses nothing that it need not.
