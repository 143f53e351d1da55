//! Examples that run offline: `cargo run --example violation`, `sessions`, `loopback`.
