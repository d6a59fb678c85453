//! The alias `live`, which all fronts, rules and event sources call. One write moves the traffic, so a deploy has a moment of
//! switching, and a rollback is one call.

use std::collections::BTreeSet;

use crate::history::{self, Direction};
use crate::ids::VersionNumber;
use crate::names::{ALIAS, Part};
use crate::resource::grant::{Grant, GrantScope, grants};
use crate::resource::reference::{Share, VersionRef};
use crate::resource::version::{DesiredVersion, ObservedVersion, VersionOperation, plan_release};
use crate::step::{Action, FieldChange, ResourceKind, StepId, Steps, Target};

/// The alias.
pub const KIND: ResourceKind = ResourceKind::new("alias");

/// The alias, as Lambda has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedAlias {
    /// The version that it points to.
    pub version: VersionNumber,
    /// The versions that were live; see [`crate::history`].
    pub description: String,
    /// Another version that gets a share of the traffic.
    pub canary: Option<Canary>,
}

/// A version that gets a share of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// The version.
    pub version: VersionNumber,
    /// Its share in percent.
    pub percent: u8,
}

/// A write to the alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasOperation {
    /// `lambda:CreateAlias`.
    Create(VersionRef),
    /// `lambda:UpdateAlias`: the switch.
    Update {
        /// The version that it points to afterwards.
        version: VersionRef,
        /// Another version that gets a share of the traffic.
        canary: Option<Share>,
        /// The version that it pointed to.
        live: VersionNumber,
        /// Its description so far.
        description: String,
        /// The direction of the move.
        direction: Direction,
    },
}

grants! { AliasOperation {
    AliasOperation::Create(_) => ["lambda:CreateAlias" on Function];
    AliasOperation::Update { .. } => ["lambda:UpdateAlias" on Function];
} }

/// The read actions of an observation.
pub(crate) const READS: &[Grant] = &[("lambda:ListAliases", GrantScope::Function)];

impl AliasOperation {
    /// The verb of a progress line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create(_) | Self::Update { .. } => "switching",
        }
    }
}

/// The alias and the versions, as Lambda has them.
#[derive(Clone, Copy)]
pub(crate) struct LiveState<'a> {
    pub(crate) alias: Option<&'a ObservedAlias>,
    pub(crate) versions: &'a [ObservedVersion],
}

impl LiveState<'_> {
    pub(crate) fn version(&self, number: &VersionNumber) -> Option<&ObservedVersion> {
        self.versions.iter().find(|version| version.number == *number)
    }

    /// The number that the next publication returns, as far as it is known: AWS returns the newest version again when
    /// nothing has changed since.
    fn next_version(&self, desired: &DesiredVersion<'_>) -> String {
        match self.versions.last() {
            Some(last) if desired.matches(last) => last.number.to_string(),
            _ => "a new one".to_owned(),
        }
    }
}

/// The steps of the alias.
#[derive(Clone, Copy, Default)]
pub(crate) struct AliasSteps {
    /// The step after which it points where it should.
    pub(crate) moved: Option<StepId>,
    /// The plan publishes a version.
    pub(crate) publishes: bool,
    /// The version that is live now is no longer live afterwards.
    pub(crate) switches: bool,
}

/// The desired version beside what the alias has now, and the steps that the switch waits for.
pub(crate) struct AliasInput<'a> {
    pub(crate) desired: DesiredVersion<'a>,
    pub(crate) live: LiveState<'a>,
    /// The share of the traffic that the new version gets, in percent; all of it without one.
    pub(crate) canary: Option<u8>,
    /// The steps after which the version can be published and run.
    pub(crate) runnable: Vec<StepId>,
    /// The last step of a new bucket: a stage with an alias has a complete bucket, so that no later deploy has to read
    /// its settings.
    pub(crate) finished_bucket: Option<StepId>,
}

/// Publishes the desired version, probes it, and points the alias to it, or gives it a share of the traffic.
pub(crate) fn plan_alias(
    steps: &mut (impl Steps<AliasOperation> + Steps<VersionOperation>),
    input: AliasInput<'_>,
) -> AliasSteps {
    let Some(alias) = input.live.alias else { return plan_creation(steps, input) };
    if input.live.version(&alias.version).is_some_and(|version| input.desired.matches(version)) {
        return AliasSteps::default();
    }
    match input.canary {
        Some(percent) => plan_share(steps, input, alias, percent),
        None => plan_switch(steps, input, alias),
    }
}

fn plan_creation(
    steps: &mut (impl Steps<AliasOperation> + Steps<VersionOperation>),
    input: AliasInput<'_>,
) -> AliasSteps {
    let target = Target::new(KIND, ALIAS, Action::Create);
    let release = plan_release(steps, &target, Part::App, &input.desired, input.runnable);
    let after = input.finished_bucket.into_iter().chain([release.probed]);
    let moved = steps.add(&target, AliasOperation::Create(VersionRef::Published), after);
    AliasSteps { moved: Some(moved), publishes: true, switches: true }
}

fn plan_switch(
    steps: &mut (impl Steps<AliasOperation> + Steps<VersionOperation>),
    input: AliasInput<'_>,
    alias: &ObservedAlias,
) -> AliasSteps {
    let target = Target::new(KIND, ALIAS, Action::Update);
    let release = plan_release(steps, &target, Part::App, &input.desired, input.runnable);
    let fields = vec![FieldChange::new("version", &alias.version, input.live.next_version(&input.desired))];
    let operation = AliasOperation::Update {
        version: VersionRef::Published,
        canary: None,
        live: alias.version.clone(),
        description: alias.description.clone(),
        direction: Direction::Forward,
    };
    let moved = steps.add_fields(&target, operation, fields, [release.probed]);
    AliasSteps { moved: Some(moved), publishes: true, switches: true }
}

/// Gives the new version a share of the traffic. The rest stays with the live version.
fn plan_share(
    steps: &mut (impl Steps<AliasOperation> + Steps<VersionOperation>),
    input: AliasInput<'_>,
    alias: &ObservedAlias,
    percent: u8,
) -> AliasSteps {
    let running = alias.canary.as_ref();
    if running.is_some_and(|canary| canary.percent == percent) {
        return AliasSteps::default();
    }
    let target = Target::new(KIND, ALIAS, Action::Update);
    let number =
        running.map_or_else(|| input.live.next_version(&input.desired), |canary| canary.version.to_string());
    let (version, after) = if let Some(canary) = running {
        (VersionRef::Known(canary.version.clone()), input.runnable)
    } else {
        let release = plan_release(steps, &target, Part::App, &input.desired, input.runnable);
        (VersionRef::Published, vec![release.probed])
    };
    let field =
        FieldChange::of("canary", running.map(describe_canary), Some(describe_share(&number, percent)));
    let operation = AliasOperation::Update {
        version: VersionRef::Known(alias.version.clone()),
        canary: Some(Share { version, percent }),
        live: alias.version.clone(),
        description: alias.description.clone(),
        direction: Direction::Stay,
    };
    let moved = steps.add_fields(&target, operation, vec![field], after);
    AliasSteps { moved: Some(moved), publishes: running.is_none(), switches: false }
}

fn describe_share(version: &str, percent: u8) -> String {
    format!("version {version} at {percent} %")
}

fn describe_canary(canary: &Canary) -> String {
    describe_share(canary.version.as_str(), canary.percent)
}

/// Points the alias to a version that exists, and ends a canary: one write.
pub(crate) fn plan_move(
    steps: &mut impl Steps<AliasOperation>,
    alias: &ObservedAlias,
    version: &VersionNumber,
    direction: Direction,
) {
    let target = Target::new(KIND, ALIAS, Action::Update);
    let moves = (*version != alias.version).then(|| FieldChange::new("version", &alias.version, version));
    let ends =
        alias.canary.as_ref().map(|canary| FieldChange::of("canary", Some(describe_canary(canary)), None));
    let operation = AliasOperation::Update {
        version: VersionRef::Known(version.clone()),
        canary: None,
        live: alias.version.clone(),
        description: alias.description.clone(),
        direction,
    };
    steps.add_fields(&target, operation, moves.into_iter().chain(ends).collect(), []);
}

/// The versions to keep: `keep` of them, those that an alias holds, and the one that a rollback would go to.
///
/// Of the `keep`, those that were live count first: a version that never was, such as one that failed its probe, is
/// nothing to go back to.
pub(crate) fn kept_versions(
    live: LiveState<'_>,
    desired: &DesiredVersion<'_>,
    planned: AliasSteps,
    held: &BTreeSet<VersionNumber>,
    keep: u32,
) -> BTreeSet<VersionNumber> {
    // AWS publishes the newest version again when nothing has changed since.
    let published = live.versions.last().filter(|last| planned.publishes && desired.matches(last));
    let keep = usize::try_from(keep).unwrap_or(usize::MAX).saturating_sub(usize::from(planned.publishes));
    let was_live: Vec<VersionNumber> = live
        .alias
        .iter()
        .flat_map(|alias| [alias.version.clone()].into_iter().chain(history::parse(&alias.description)))
        .filter(|number| live.version(number).is_some())
        .collect();
    let newest = live.versions.iter().rev().map(|version| &version.number);
    let never_live = newest.filter(|number| !was_live.contains(number));
    let counted = was_live.iter().chain(never_live).take(keep);
    // After a switch a rollback goes to the version that the alias holds now.
    let previous = was_live.get(1).filter(|_| !planned.switches);
    let kept = counted.chain(held).chain(previous).chain(published.map(|version| &version.number));
    kept.cloned().collect()
}
