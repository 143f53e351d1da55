//! Examples that run offline: `cargo run --example violation`, `sessions`, `archive`, `monitor`, `campaign`,
//! `loopback`, `checker`, `foreign`.
