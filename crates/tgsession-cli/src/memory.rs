//! How the C library's allocator behaves with the buffers of many connections.
//!
//! Each connection of `grammers` has two buffers of a mebibyte, of which it touches little. Allocated as
//! mappings they cost what is touched and go back when they are freed. But glibc raises its threshold for
//! mappings each time one is freed, so after the first reconnect it keeps such buffers, touched, for good:
//! about 1.5 MiB for each session. The threshold stays where it is if it is set, and the environment is the
//! only way to set it without unsafe code, so the program starts itself again with it. At 8 KiB memory stays
//! flat over any number of reconnects, but for the 6 to 7 KiB that the first of them cost a session; at 32 KiB they
//! cost 12 to 18, as the larger futures of a session tear holes into what stays, and at glibc's first 128 KiB it
//! still grows by 1 to 2 KiB with each.

/// Starts the program again with a fixed threshold, unless it has one. Does nothing where the C library is
/// not glibc, or where the program cannot be started again: then it needs more memory.
pub(crate) fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        const THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";
        if std::env::var_os(THRESHOLD).is_some() {
            return;
        }
        if let Ok(program) = std::env::current_exe() {
            // On success this does not return: the process goes on as the new program.
            let _failed = std::process::Command::new(program)
                .args(std::env::args_os().skip(1))
                .env(THRESHOLD, "8192")
                .exec();
        }
    }
}
