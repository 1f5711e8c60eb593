//! Kernel errors and panics as one Python exception with a kind and details.
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::{Error, Missing, Result};

pyo3::create_exception!(
    coprove._native,
    NativeError,
    PyException,
    "A failure of the kernel: args are kind, message and a dict of details."
);

/// Run kernel code without the interpreter lock; a panic becomes a kernel error.
pub fn guard<T: Send>(py: Python<'_>, f: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let outcome = py.detach(|| {
        catch_unwind(AssertUnwindSafe(f))
            .unwrap_or_else(|panic| Err(Error::Kernel(panic_text(panic.as_ref()))))
    });
    outcome.map_err(|error| raise(py, &error))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let details = PyDict::new(py);
    match fill(py, &details, error) {
        Ok(kind) => NativeError::new_err((kind, error.to_string(), details.unbind())),
        Err(failure) => failure,
    }
}

fn fill(py: Python<'_>, details: &Bound<'_, PyDict>, error: &Error) -> PyResult<&'static str> {
    Ok(match error {
        Error::Missing { missing, hash } => {
            details.set_item("hash", PyBytes::new(py, hash.as_slice()))?;
            let (kind, address) = match missing {
                Missing::Account(address) => ("account", Some(address)),
                Missing::Slot(address, slot) => {
                    details.set_item("slot", PyBytes::new(py, &slot.to_be_bytes::<32>()))?;
                    ("slot", Some(address))
                }
                Missing::Code(address) => ("code", Some(address)),
                Missing::Header(number) => {
                    details.set_item("number", number)?;
                    ("header", None)
                }
                Missing::Node => ("node", None),
            };
            details.set_item("kind", kind)?;
            if let Some(address) = address {
                details.set_item("address", PyBytes::new(py, address.as_slice()))?;
            }
            "missing"
        }
        Error::InvalidPayload { transaction, reason } => {
            details.set_item("transaction", transaction)?;
            details.set_item("reason", reason)?;
            "payload"
        }
        Error::Witness(_) => "witness",
        Error::Input { what, expected, actual } => {
            details.set_item("what", what)?;
            details.set_item("expected", expected)?;
            details.set_item("actual", actual)?;
            "input"
        }
        Error::Kernel(_) => "kernel",
    })
}
