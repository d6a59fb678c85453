//! Takes, renews and releases the lock of a stage.
//!
//! S3 alone decides which process wins: a lock is written with the precondition that none exists, or that it replaces
//! exactly the stale one that was read. `lzap_core::lock` judges a lock; `crate::lock_object` reads and writes the
//! object.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lzap_core::lock::{Holder, RENEW_EVERY, Standing};
use lzap_core::names::Names;
use lzap_core::resource::artifact::Object;
use lzap_core::resource::bucket::ObservedBucket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::clients::Clients;
use crate::error::{AwsError, Kind};
use crate::lock_object::{self, InPlaceOf};
use crate::resource::artifact::{Depth, list_objects};
use crate::retry::{CONFLICT, Progress, again};

/// Answers for a process id and its start time (in the system's own units): is that process of this machine still
/// running?
pub type Lives = fn(u32, u64) -> bool;

/// Maximum number of reads while other processes take and release the lock between our calls.
const ATTEMPTS: u32 = 20;

/// A lock that another process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The lock holder.
    pub holder: Holder,
    /// Time since the holder renewed it last.
    pub age: Duration,
    /// The `ETag` of the object that was read: [`break_lock`] deletes only this one.
    etag: String,
}

/// The result of an attempt to take a lock.
#[derive(Debug)]
pub enum Taking {
    /// It is ours, and is renewed from now on.
    Taken(Lock),
    /// Another process holds it. The caller decides whether to wait.
    Held(Held),
    /// There is no bucket to put it into, so the stage was never deployed, or was deleted with the bucket.
    NoBucket,
}

/// Our lock. It is renewed until it is given back or dropped; dropping it leaves the object, which then grows stale.
#[derive(Debug)]
pub struct Lock {
    /// Clients and names of its own, because it outlives the call that took it.
    clients: Clients,
    names: Names,
    /// The content of the object, written again at each renewal.
    me: Holder,
    /// The `ETag` of the last renewal. The renewal writes it, and the release needs it.
    etag: Arc<Mutex<String>>,
    /// It was taken from a holder that is gone, and may have left anything behind. Then nothing that was
    /// observed before counts.
    inherited: bool,
    /// The task that renews the lock. It ends when this is dropped.
    renewal: AbortOnDropHandle<()>,
}

/// Reads the lock that another process holds now, if any; a stale lock counts as free. One read, or none if there is no
/// bucket.
///
/// # Errors
/// The read was refused, or AWS didn't respond.
pub async fn read_lock(
    clients: &Clients,
    names: &Names,
    me: &Holder,
    lives: Lives,
) -> Result<Option<Held>, AwsError> {
    let found =
        Box::pin(lock_object::get_lock(clients, names)).await.map_err(|error| clients.explain(error))?;
    Ok(found.and_then(|lock| {
        let holder = Holder::parse(&lock.text);
        let held = holder.standing(me, lock.age, lives) == Standing::Held;
        held.then_some(Held { holder, age: lock.age, etag: lock.etag })
    }))
}

/// Takes the lock. `lost` is cancelled when another takes it from us, after we failed to renew it.
///
/// # Errors
/// A call was refused, or AWS didn't respond.
pub async fn take_lock(
    clients: &Clients,
    names: &Names,
    me: &Holder,
    lives: Lives,
    lost: &CancellationToken,
) -> Result<Taking, AwsError> {
    match Box::pin(try_to_take_lock(clients, names, me, lives)).await {
        Ok(Ok(put)) => Ok(Taking::Taken(Lock::keep_renewed(clients, names, me, put, lost))),
        Ok(Err(held)) => Ok(Taking::Held(held)),
        Err(error) if error.kind() == Kind::NotFound => Ok(Taking::NoBucket),
        Err(error) => Err(clients.explain(error)),
    }
}

/// Our lock, as it was written.
struct Put {
    etag: String,
    /// Set if it took the place of a stale one.
    inherited: bool,
}

/// Returns our lock, or the lock of another holder. One conditional write if the lock is free; one write and
/// one read if it is held; a stale one takes a second write.
async fn try_to_take_lock(
    clients: &Clients,
    names: &Names,
    me: &Holder,
    lives: Lives,
) -> Result<Result<Put, Held>, AwsError> {
    let text = me.render();
    let mut stale: Option<String> = None;
    // Each round either takes the lock, finds it held, or learns of a change between two requests, so the loop ends as
    // soon as the lock stops changing.
    for _ in 0..ATTEMPTS {
        let place = stale.as_deref().map_or(InPlaceOf::Nothing, InPlaceOf::Etag);
        // A 409 means that another conditional write is under way: the same write can then succeed, or fail
        // with a 412.
        let put = || lock_object::put_lock(clients, names, &text, place);
        if let Some(etag) = again(CONFLICT, Progress::silent(), put).await? {
            return Ok(Ok(Put { etag, inherited: stale.is_some() }));
        }
        // The lock was released between our write and this read: try to create it again.
        let Some(lock) = lock_object::get_lock(clients, names).await? else {
            stale = None;
            continue;
        };
        let holder = Holder::parse(&lock.text);
        match holder.standing(me, lock.age, lives) {
            // A lost response can't tell any more if this lock replaced a stale one, so it counts as inherited.
            Standing::Mine => return Ok(Ok(Put { etag: lock.etag, inherited: true })),
            Standing::Stale => stale = Some(lock.etag),
            Standing::Held => return Ok(Err(Held { holder, age: lock.age, etag: lock.etag })),
        }
    }
    Err(AwsError::broken("s3:PutObject", "the lock kept changing hands"))
}

/// Deletes a lock that another process holds (`unlock`). If it was released or taken over meanwhile, it stays as it is.
///
/// # Errors
/// The call was refused, or AWS didn't respond.
pub async fn break_lock(clients: &Clients, names: &Names, held: &Held) -> Result<(), AwsError> {
    lock_object::delete_lock(clients, names, &held.etag).await.map_err(|error| clients.explain(error))
}

impl Lock {
    // Aborting on drop ends the renewal with the lock: a renewal that outlives its command would hold the stage
    // forever.
    fn keep_renewed(
        clients: &Clients,
        names: &Names,
        me: &Holder,
        put: Put,
        lost: &CancellationToken,
    ) -> Self {
        let etag = Arc::new(Mutex::new(put.etag));
        let renewal =
            renew_lock(clients.clone(), names.clone(), me.render(), Arc::clone(&etag), lost.clone());
        Self {
            clients: clients.clone(),
            names: names.clone(),
            me: me.clone(),
            etag,
            inherited: put.inherited,
            renewal: AbortOnDropHandle::new(tokio::spawn(renewal)),
        }
    }

    /// True if the stage is unchanged since its objects were `seen`: each command that changes it leaves a mark among
    /// them, and one that died before the mark left its lock. One read at most.
    ///
    /// # Errors
    /// The read was refused, or AWS didn't respond.
    pub async fn still(&self, seen: &[Object]) -> Result<bool, AwsError> {
        // The previous holder died without leaving a mark, so it may have changed anything.
        if self.inherited {
            return Ok(false);
        }
        // Only the objects in the stage's own folder: an app's job records change at any time and say nothing about
        // deploys.
        let listed = Box::pin(list_objects(&self.clients, &self.names, Depth::Own)).await;
        let now = listed.map_err(|error| self.clients.explain(error))?.unwrap_or_default();
        let lock = self.names.lock_key();
        let others = |objects: &[Object]| -> Vec<Object> {
            let others = objects.iter().filter(|object| object.key != lock).cloned();
            ObservedBucket::own_objects(&self.names, others)
        };
        Ok(others(&now) == others(seen))
    }

    /// Writes the mark that tells other commands that the stage has changed. One write.
    ///
    /// # Errors
    /// The write was refused, or AWS didn't respond.
    pub async fn mark(&self) -> Result<(), AwsError> {
        let text = self.me.render();
        let put = || lock_object::put_mark(&self.clients, &self.names, &text);
        again(CONFLICT, Progress::silent(), put).await.map_err(|error| self.clients.explain(error))
    }

    /// Releases the lock. One write.
    ///
    /// # Errors
    /// The write was refused, or AWS didn't respond; the lock then becomes stale by itself.
    pub async fn release(self) -> Result<(), AwsError> {
        // Stop the renewal first: a renewal after the deletion would only fail, but one before it would change the
        // `ETag`.
        drop(self.renewal);
        let etag = self.etag.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let delete = || lock_object::delete_lock(&self.clients, &self.names, &etag);
        again(CONFLICT, Progress::silent(), delete).await.map_err(|error| self.clients.explain(error))
    }

    /// Keeps the lock object: either it was deleted with all the stage's objects, or it must tell the next command that
    /// this one ended without leaving its mark.
    pub fn leave(self) {
        drop(self.renewal);
    }
}

/// Renews the lock every minute, until another process holds it. Each renewal is one conditional write, which
/// fails if the object isn't ours any more.
async fn renew_lock(
    clients: Clients,
    names: Names,
    text: String,
    etag: Arc<Mutex<String>>,
    lost: CancellationToken,
) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let before = etag.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match lock_object::put_lock(&clients, &names, &text, InPlaceOf::Etag(&before)).await {
            Ok(Some(after)) => *etag.lock().unwrap_or_else(PoisonError::into_inner) = after,
            Ok(None) => {
                tracing::warn!("another has taken the lock");
                lost.cancel();
                return;
            }
            // The lease outlasts several failed renewals, so one is no reason to stop the deploy.
            Err(error) => tracing::debug!(%error, "the lock could not be renewed"),
        }
    }
}
