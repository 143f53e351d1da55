//! The peers, each as its documentation says to use it.

use std::hint::black_box;

use crate::blocking::{nest, on_two_threads};
use crate::harness::Rows;
use crate::{L1, L2, L3, L4, L5, L6};

pub(crate) fn rows(_: &mut Rows) {}
