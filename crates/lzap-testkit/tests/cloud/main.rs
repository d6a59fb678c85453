//! The clouds and the checks of the test kit itself. They need Python, as each test target called `cloud`.

mod moto;
mod validate;
