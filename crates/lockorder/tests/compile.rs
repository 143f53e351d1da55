//! What does not compile, and says why.
#![cfg(debug_assertions)] // once is enough

#[test]
fn what_is_wrong_beforehand_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/well_formed.rs");
    cases.compile_fail("tests/compile/levels_fall.rs");
    cases.compile_fail("tests/compile/level_twice.rs");
    cases.compile_fail("tests/compile/name_twice.rs");
    cases.compile_fail("tests/compile/no_rank.rs");
    cases.compile_fail("tests/compile/key_missing.rs");
    cases.compile_fail("tests/compile/then_against_the_order.rs");
    cases.compile_fail("tests/compile/then_in_another_hierarchy.rs");
    cases.compile_fail("tests/compile/then_without_a_guard.rs");
    cases.compile_fail("tests/compile/many_without_ranks.rs");
}
