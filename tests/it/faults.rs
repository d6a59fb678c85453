//! Deploys that break: at every call of every flow, in every way that AWS, the network or the machine can break it.
//!
//! [`flows`] are the commands, [`harm`] is what can happen to a call, [`table`] goes through it, by default through a
//! share of it. Then the same command again must lead where an undisturbed run leads, and an undeploy to an empty
//! account. [`twins`] are two deploys at once.

mod flows;
mod harm;
mod table;
mod twins;
