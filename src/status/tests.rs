//! Each part, from objects as the API server keeps them.
