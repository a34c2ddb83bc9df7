//! What the proofs forbid is refused by the compiler.
//! Never in it: what happens at run time.

#[test]
fn what_the_proofs_forbid_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
