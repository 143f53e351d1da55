//! `join!`, `try_join!` and `select!` whose arms are branches.

/// As [`tokio::join!`], with each arm a [`branch`](crate::branch).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::tokio::Mutex;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (outer, inner) = (Mutex::<Outer, _>::new(1), Mutex::<Inner, _>::new(2));
/// let (a, b) = lockorder::tokio::join!(
///     async { *inner.lock().await },
///     async { *outer.lock().await },
/// );
/// assert_eq!(a + b, 3);
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    (biased; $($arm:expr),+ $(,)?) => {
        $crate::__tokio::join!(biased; $($crate::branch($arm)),+)
    };
    ($($arm:expr),+ $(,)?) => {
        $crate::__tokio::join!($($crate::branch($arm)),+)
    };
}

/// As [`tokio::try_join!`], with each arm a [`branch`](crate::branch).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::{AcquireError, tokio::Mutex};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AcquireError> {
/// let (outer, inner) = (Mutex::<Outer, _>::new(1), Mutex::<Inner, _>::new(2));
/// let (a, b) = lockorder::tokio::try_join!(
///     async { Ok::<_, AcquireError>(*inner.lock_timed().await?) },
///     async { Ok::<_, AcquireError>(*outer.lock_timed().await?) },
/// )?;
/// assert_eq!(a + b, 3);
/// # Ok(())
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __try_join {
    (biased; $($arm:expr),+ $(,)?) => {
        $crate::__tokio::try_join!(biased; $($crate::branch($arm)),+)
    };
    ($($arm:expr),+ $(,)?) => {
        $crate::__tokio::try_join!($($crate::branch($arm)),+)
    };
}

/// As [`tokio::select!`], with each arm's future a [`branch`](crate::branch).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Outer = "outer" } level 2 { Inner = "inner" } } }
/// # use lockorder::tokio::Mutex;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (outer, inner) = (Mutex::<Outer, _>::new(1), Mutex::<Inner, _>::new(2));
/// let got = lockorder::tokio::select! {
///     biased;
///     guard = outer.lock() => *guard,
///     guard = inner.lock(), if true => { *guard }
///     else => 0,
/// };
/// assert_eq!(got, 1);
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@arms [$($done:tt)*]) => {
        $crate::__tokio::select! { $($done)* }
    };
    (@arms [$($done:tt)*] else => $else:expr $(,)?) => {
        $crate::__tokio::select! { $($done)* else => { $else } }
    };
    (@arms [$($done:tt)*] $bind:pat = $arm:expr $(, if $when:expr)? => $run:block, $($rest:tt)*) => {
        $crate::__select!(@arms
            [$($done)* $bind = $crate::branch($arm) $(, if $when)? => { $run },] $($rest)*)
    };
    (@arms [$($done:tt)*] $bind:pat = $arm:expr $(, if $when:expr)? => $run:block $($rest:tt)*) => {
        $crate::__select!(@arms
            [$($done)* $bind = $crate::branch($arm) $(, if $when)? => { $run },] $($rest)*)
    };
    (@arms [$($done:tt)*] $bind:pat = $arm:expr $(, if $when:expr)? => $run:expr, $($rest:tt)*) => {
        $crate::__select!(@arms
            [$($done)* $bind = $crate::branch($arm) $(, if $when)? => { $run },] $($rest)*)
    };
    (@arms [$($done:tt)*] $bind:pat = $arm:expr $(, if $when:expr)? => $run:expr) => {
        $crate::__select!(@arms [$($done)* $bind = $crate::branch($arm) $(, if $when)? => { $run },])
    };
    (biased; $($arms:tt)+) => {
        $crate::__select!(@arms [biased;] $($arms)+)
    };
    ($($arms:tt)+) => {
        $crate::__select!(@arms [] $($arms)+)
    };
}

#[doc(inline)]
pub use {__join as join, __select as select, __try_join as try_join};
