//! The table in which a program writes down its order, once.

/// Declares a hierarchy: the classes of locks of a program, outermost first.
///
/// Each class becomes a type, its [`Rank`](crate::Rank), to be named in the type of every lock of that
/// class. The order of the rows is the order of acquisition, between levels and inside one. A level may be
/// skipped, never reversed. A class marked `[keyed]` may be held more than once by one holder, in rising
/// order of the locks' keys.
///
/// `timeout` is how long a timed acquisition waits by default; without it, 30 seconds.
///
/// ```
/// lockorder::hierarchy! {
///     /// The locks of a bank.
///     pub Bank (timeout: 5 s) {
///         level 1 {
///             /// Who may do what.
///             Ledger = "bank.ledger",
///         }
///         level 2 {
///             /// One account; a transfer locks two, the lower number first.
///             Account = "bank.account" [keyed],
///             /// The journal, written while accounts are locked.
///             Journal = "bank.journal",
///         }
///     }
/// }
///
/// use lockorder::{Hierarchy, Rank};
/// assert_eq!(Account::class().level(), 2);
/// assert_eq!(Bank::table().classes().len(), 3);
/// ```
///
/// # Compile errors
///
/// Levels must rise and names must be unique:
///
/// ```compile_fail
/// lockorder::hierarchy! {
///     Reversed {
///         level 2 { Inner = "inner" }
///         level 1 { Outer = "outer" }
///     }
/// }
/// ```
///
/// ```compile_fail
/// lockorder::hierarchy! {
///     Twice {
///         level 1 { One = "same" }
///         level 2 { Two = "same" }
///     }
/// }
/// ```
#[macro_export]
macro_rules! hierarchy {
    (
        $(#[$meta:meta])*
        $vis:vis $name:ident $((timeout: $timeout:literal s))? {
            $(
                level $level:literal {
                    $(
                        $(#[doc = $doc:literal])*
                        $class:ident = $label:literal $([$keyed:ident])?
                    ),+ $(,)?
                }
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis enum $name {}

        const _: () = {
            const LEVELS: &[u32] = &[$($level),+];
            const ROWS: &[$crate::__table::Row] = &[
                $($(
                    $crate::__table::Row {
                        name: $label,
                        level: $level,
                        docs: concat!($($doc),*),
                        keyed: $crate::__table::keyed::<$class>(),
                    },
                )+)+
            ];
            const _: () = $crate::__table::check_levels(LEVELS);
            const _: () = $crate::__table::check(ROWS);

            static TABLE: $crate::Table =
                $crate::__table::table(stringify!($name), $crate::__timeout!($($timeout)?), CLASSES);
            static CLASSES: &[$crate::Class] = &[
                $($(
                    $crate::__table::class(ROWS, $crate::__table::position(ROWS, $label), &TABLE),
                )+)+
            ];

            impl $crate::Hierarchy for $name {
                fn table() -> &'static $crate::Table {
                    &TABLE
                }
            }

            $($(
                impl $crate::Rank for $class {
                    type Hierarchy = $name;
                    type Keys = $crate::__keys!($($keyed)?);
                    const POSITION: u32 = $crate::__table::position(ROWS, $label) as u32;

                    #[inline(always)]
                    fn class() -> &'static $crate::Class {
                        const POSITION: usize = $crate::__table::position(ROWS, $label);
                        &CLASSES[POSITION]
                    }
                }
            )+)+
        };

        $($(
            $(#[doc = $doc])*
            #[derive(Debug)]
            $vis enum $class {}
        )+)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __timeout {
    () => {
        ::core::time::Duration::from_secs(30)
    };
    ($seconds:literal) => {
        ::core::time::Duration::from_secs($seconds)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __keys {
    () => {
        $crate::Unkeyed
    };
    (keyed) => {
        $crate::Keyed
    };
}
