//! Tags and reserved concurrency.

use std::collections::BTreeMap;

use super::functions::State;
use super::names::FunctionRef;
use super::validate;
use crate::lambda::error::ApiError;

/// The concurrency of an account that must stay unreserved.
const UNRESERVED_MINIMUM: u32 = 100;

impl State {
    /// `TagResource`.
    pub(crate) fn tag(
        &mut self,
        reference: &FunctionRef,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        let function = self.function_mut(reference)?;
        let mut all = function.tags.clone();
        all.extend(tags);
        validate::check_tags(&all)?;
        function.tags = all;
        self.revision += 1;
        Ok(())
    }

    /// `UntagResource`; keys that aren't there are no error.
    pub(crate) fn untag(&mut self, reference: &FunctionRef, keys: &[String]) -> Result<(), ApiError> {
        let function = self.function_mut(reference)?;
        function.tags.retain(|key, _| !keys.contains(key));
        self.revision += 1;
        Ok(())
    }

    /// `PutFunctionConcurrency` (`Some`) and `DeleteFunctionConcurrency` (`None`).
    pub(crate) fn reserve(&mut self, reference: &FunctionRef, wanted: Option<u32>) -> Result<(), ApiError> {
        let function = self.function(reference)?;
        let others: u32 = self.reserved_in(function.region()) - function.reserved_concurrency.unwrap_or(0);
        let limit = self.concurrency.saturating_sub(UNRESERVED_MINIMUM);
        if wanted.is_some_and(|wanted| others.saturating_add(wanted) > limit) {
            return Err(ApiError::invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [{UNRESERVED_MINIMUM}]."
            )));
        }
        self.function_mut(reference)?.reserved_concurrency = wanted;
        self.revision += 1;
        Ok(())
    }

    /// Returns the concurrency that all functions of a region have reserved together.
    pub(crate) fn reserved_in(&self, region: &str) -> u32 {
        self.in_region(region).filter_map(|function| function.reserved_concurrency).sum()
    }
}
