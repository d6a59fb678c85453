//! Integration tests only; see `it/`.
