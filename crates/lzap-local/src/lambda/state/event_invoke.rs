//! Settings for asynchronous invocations, by qualifier.
//!
//! AWS: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html>

use lzap_wire::limits::{ASYNC_MAX_AGE_SECS, ASYNC_RETRIES};

use super::functions::State;
use super::model::{EventInvoke, LATEST};
use super::names::FunctionRef;
use crate::lambda::error::ApiError;

impl State {
    /// Returns the settings of exactly this qualifier.
    pub(crate) fn event_invoke(&self, reference: &FunctionRef) -> Option<&EventInvoke> {
        self.function(reference).ok()?.event_invoke.get(read_qualifier(reference))
    }

    /// `GetFunctionEventInvokeConfig`.
    pub(crate) fn get_event_invoke(&self, reference: &FunctionRef) -> Result<&EventInvoke, ApiError> {
        self.function(reference)?;
        let missing = || {
            let arn = reference.full();
            ApiError::not_found(format!("The function {arn} doesn't have an EventInvokeConfig"))
        };
        self.event_invoke(reference).ok_or_else(missing)
    }

    /// `PutFunctionEventInvokeConfig`.
    pub(crate) fn put_event_invoke(
        &mut self,
        reference: &FunctionRef,
        wanted: EventInvoke,
    ) -> Result<(), ApiError> {
        let refuse = |value: u32, member: &str, least: u32, most: u32| {
            let which = if value < least { "greater" } else { "less" };
            let bound = if value < least { least } else { most };
            let constraint = format!("must have value {which} than or equal to {bound}");
            ApiError::constraint(&value.to_string(), member, &constraint)
        };
        if let Some(retries) = wanted.retries.filter(|retries| *retries > ASYNC_RETRIES) {
            return Err(refuse(retries, "maximumRetryAttempts", 0, ASYNC_RETRIES));
        }
        if let Some(age) = wanted.max_age_secs.filter(|age| !ASYNC_MAX_AGE_SECS.contains(age)) {
            let (least, most) = (*ASYNC_MAX_AGE_SECS.start(), *ASYNC_MAX_AGE_SECS.end());
            return Err(refuse(age, "maximumEventAgeInSeconds", least, most));
        }
        let function = self.function_mut(reference)?;
        if function.qualified(reference.qualifier.as_deref()).is_none() {
            return Err(ApiError::no_function(&reference.full()));
        }
        function.event_invoke.insert(read_qualifier(reference).to_owned(), wanted);
        self.revision += 1;
        Ok(())
    }

    /// `DeleteFunctionEventInvokeConfig`.
    pub(crate) fn delete_event_invoke(&mut self, reference: &FunctionRef) -> Result<(), ApiError> {
        self.get_event_invoke(reference)?;
        self.function_mut(reference)?.event_invoke.remove(read_qualifier(reference));
        self.revision += 1;
        Ok(())
    }
}

fn read_qualifier(reference: &FunctionRef) -> &str {
    reference.qualifier.as_deref().unwrap_or(LATEST)
}
