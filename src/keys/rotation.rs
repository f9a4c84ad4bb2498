//! The service of signing keys: first creation, rotation, revocation, re-sealing; each step one gated transaction that
//! is recorded and announced in the change log, so that every node follows.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::error::KeysError;
use super::jws::{TokenKind, attach};
use super::master::MasterKeys;
use super::ring::{KeyRing, context};
use super::rsa;
use crate::domain::change::{Actor, Changed};
use crate::domain::entropy::Entropy;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::signing_key::{KeyState, KeyStep, Schedule, SigningKey};
use crate::domain::time::{Clock, Instant};
use crate::store::changes::States;
use crate::store::signing_keys::{self, StoredKey};
use crate::store::{Edit, Store, debug_assert_outside_transaction, facts};

/// Signing keys as this node knows and keeps them.
pub struct Keys {
    store: Arc<Store>,
    pub(super) master: MasterKeys,
    clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    schedule: Schedule,
    ring: RwLock<Arc<KeyRing>>,
    /// As many signatures at once as there are cores: more would only fill the blocking pool.
    signing_permits: Semaphore,
}

impl Keys {
    /// Opens the keys: creates the first one where there is none, and refuses to go on without the right master key.
    ///
    /// # Errors
    /// [`KeysError::WrongMasterKey`], or the store's.
    pub async fn open(
        store: Arc<Store>,
        master: MasterKeys,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        schedule: Schedule,
    ) -> Result<Self, KeysError> {
        let keys = Self::unopened(store, master, clock, entropy, schedule);
        while keys.step().await? {}
        keys.reload().await?;
        Ok(keys)
    }

    /// The service over an empty ring, for [`Self::reseal`].
    #[must_use]
    pub fn unopened(
        store: Arc<Store>,
        master: MasterKeys,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        schedule: Schedule,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ring = RwLock::new(Arc::new(KeyRing::empty()));
        Self { store, master, clock, entropy, schedule, ring, signing_permits: Semaphore::new(cores) }
    }

    /// The ring of this moment.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys again, after the change log said they changed.
    ///
    /// # Errors
    /// The store's, or that a key is sealed under another master key: what else changed holds all the same.
    pub async fn reload(&self) -> Result<(), KeysError> {
        let stored = signing_keys::all(&mut self.store.read().await?).await?;
        let (ring, unopened) = KeyRing::build(&stored, &self.master, &self.ring(), self.clock.now())?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        unopened.map_or(Ok(()), Err)
    }

    /// Signs claims as a token of this kind; other tasks of this thread go on elsewhere meanwhile.
    ///
    /// # Errors
    /// [`KeysError::NoSigningKey`], or the crypto library's.
    pub async fn sign(&self, kind: TokenKind, claims: &impl Serialize) -> Result<String, KeysError> {
        debug_assert_outside_transaction("signing");
        let (input, key) = self.ring().prepare(kind, claims)?;
        let _permit = self.signing_permits.acquire().await.map_err(|_| KeysError::Crypto("shut down"))?;
        tokio::task::block_in_place(|| Ok(attach(&input, &key.sign(input.as_bytes())?)))
    }

    /// All keys, oldest first, with the master key each is sealed under being the current one or not.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<SigningKey>, KeysError> {
        let stored = signing_keys::all(&mut self.store.read().await?).await?;
        Ok(stored.into_iter().map(|s| s.key).collect())
    }

    /// Does what the schedule says is due; says whether something was (then more may be).
    ///
    /// # Errors
    /// The store's or the crypto library's.
    pub async fn step(&self) -> Result<bool, KeysError> {
        let now = self.clock.now();
        // Time alone takes a key out of the JWKS; nothing is written then.
        if self.ring().unpublish_at.is_some_and(|at| at <= now) {
            self.reload().await?;
        }
        let Some(step) = self.schedule.next_step(&self.list().await?, now) else { return Ok(false) };
        match step {
            KeyStep::CreateFirst => {
                self.create(|now| KeyState::Signing { since: now }, &Actor::System).await?;
            }
            KeyStep::Prepare => {
                self.create(|now| self.pending(now), &Actor::System).await?;
            }
            KeyStep::Promote { pending, retiring, unpublish_at } => {
                self.promote(&pending, retiring.as_deref(), unpublish_at, now).await?;
            }
            KeyStep::Forget { kid } => self.forget(&kid, now).await?,
        }
        Ok(true)
    }

    /// Publishes the next key now; it takes over after the publishing lead. Names the key and when it signs.
    ///
    /// # Errors
    /// [`KeysError::WrongState`] when one is pending already.
    pub async fn rotate(&self, actor: &Actor) -> Result<(String, Instant), KeysError> {
        match self.create(|now| self.pending(now), actor).await? {
            Some(key) => Ok((key.kid, key.state.moment())),
            None => Err(KeysError::WrongState { state: "pending", hint: "a rotation is under way" }),
        }
    }

    fn pending(&self, now: Instant) -> KeyState {
        KeyState::Pending { signs_from: now.plus(self.schedule.publish_lead) }
    }

    /// Makes a key in this state, unless another one is in it.
    async fn create(
        &self,
        state: impl Fn(Instant) -> KeyState,
        actor: &Actor,
    ) -> Result<Option<SigningKey>, KeysError> {
        let mut new = self.generate(state(self.clock.now())).await?;
        let mut edit = self.store.edit().await?;
        // The lead counts from when the key is published, not from before it was made and the lock was waited for.
        new.key.state = state(self.clock.now());
        if !signing_keys::insert(&mut edit, &new).await? {
            edit.rollback().await?;
            return Ok(None);
        }
        self.announce(&mut edit, FactKind::SigningKeyCreated, &new.key.kid, actor, json!({ "key": &new.key })).await?;
        edit.commit().await?;
        Ok(Some(new.key))
    }

    async fn generate(&self, state: KeyState) -> Result<StoredKey, KeysError> {
        let new = tokio::task::spawn_blocking(rsa::generate)
            .await
            .map_err(|_| KeysError::Crypto("generating was interrupted"))??;
        let sealed = self.master.seal(&context(&new.kid), &new.pkcs8, self.entropy.as_ref())?;
        let key = SigningKey { kid: new.kid, created_at: self.clock.now(), state };
        Ok(StoredKey { key, public_jwk: new.public_jwk, sealed: Some(sealed) })
    }

    async fn promote(
        &self,
        pending: &str,
        retiring: Option<&str>,
        unpublish_at: Instant,
        now: Instant,
    ) -> Result<(), KeysError> {
        let mut edit = self.store.edit().await?;
        if let Some(old) = retiring
            && !signing_keys::transition(&mut edit, old, "signing", KeyState::Retired { unpublish_at }).await?
        {
            return Ok(edit.rollback().await?); // Another node was faster.
        }
        if !signing_keys::transition(&mut edit, pending, "pending", KeyState::Signing { since: now }).await? {
            return Ok(edit.rollback().await?);
        }
        let detail = json!({ "retired": retiring, "unpublish_at": unpublish_at });
        self.announce(&mut edit, FactKind::SigningKeyPromoted, pending, &Actor::System, detail).await?;
        edit.commit().await?;
        Ok(())
    }

    async fn forget(&self, kid: &str, now: Instant) -> Result<(), KeysError> {
        let mut edit = self.store.edit().await?;
        if signing_keys::forget(&mut edit, kid, now).await? {
            self.announce(&mut edit, FactKind::SigningKeyForgotten, kid, &Actor::System, json!({})).await?;
            edit.commit().await?;
        }
        Ok(())
    }

    /// Takes a compromised key out at once: what it signed no longer verifies here. A pending key, or a new one, signs
    /// from the same moment on. Names the key that signs then.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`], or [`KeysError::WrongState`] when it was revoked before.
    pub async fn revoke(&self, kid: &str, reason: Option<&str>, actor: &Actor) -> Result<String, KeysError> {
        let now = self.clock.now();
        // Made before the transaction, which must not wait for it, whether or not it will be needed.
        let fresh = self.generate(KeyState::Signing { since: now }).await?;
        let mut edit = self.store.edit().await?;
        let stored = signing_keys::all(&mut edit).await?;
        let target = stored.iter().find(|s| s.key.kid == kid).ok_or_else(|| KeysError::UnknownKey(kid.to_owned()))?;
        let from = target.key.state.as_str();
        if !target.key.state.verifies() {
            return Err(KeysError::WrongState { state: "revoked", hint: "there is nothing left to do" });
        }
        signing_keys::transition(&mut edit, kid, from, KeyState::Revoked { at: now }).await?;
        let signing = stored.iter().find(|s| s.key.kid != kid && matches!(s.key.state, KeyState::Signing { .. }));
        let pending = stored.iter().find(|s| s.key.kid != kid && matches!(s.key.state, KeyState::Pending { .. }));
        let signer = match (signing, pending) {
            (Some(signing), _) => signing.key.kid.clone(),
            (None, Some(pending)) => {
                signing_keys::transition(&mut edit, &pending.key.kid, "pending", KeyState::Signing { since: now })
                    .await?;
                pending.key.kid.clone()
            }
            (None, None) => {
                signing_keys::insert(&mut edit, &fresh).await?;
                fresh.key.kid.clone()
            }
        };
        let detail = json!({ "was": from, "reason": reason, "signs_now": signer });
        self.announce(&mut edit, FactKind::SigningKeyRevoked, kid, actor, detail).await?;
        edit.commit().await?;
        Ok(signer)
    }

    /// Seals every private key under the current master key; says how many were under an older one.
    ///
    /// # Errors
    /// [`KeysError::WrongMasterKey`] when an envelope needs a master key that is not configured.
    pub async fn reseal(&self, actor: &Actor) -> Result<usize, KeysError> {
        let mut edit = self.store.edit().await?;
        let mut resealed = 0;
        for stored in signing_keys::all(&mut edit).await? {
            let Some(old) = stored.sealed.filter(|sealed| !self.master.is_current(sealed)) else { continue };
            let context = context(&stored.key.kid);
            let new = self.master.seal(&context, &self.master.open(&context, &old)?, self.entropy.as_ref())?;
            if signing_keys::reseal(&mut edit, &stored.key.kid, &old, &new).await? {
                resealed += 1;
            }
        }
        if resealed > 0 {
            let master = self.master.current_id();
            let detail = json!({ "master_key": master, "keys": resealed });
            self.announce(&mut edit, FactKind::KeysResealed, &master, actor, detail).await?;
            edit.commit().await?;
        }
        Ok(resealed)
    }

    async fn announce(
        &self,
        edit: &mut Edit,
        fact: FactKind,
        kid: &str,
        actor: &Actor,
        detail: serde_json::Value,
    ) -> Result<(), KeysError> {
        let now = self.clock.now();
        edit.log(&Changed::SigningKeys, actor, now, States::default()).await?;
        let subject = format!("signing-key:{kid}");
        let fact = Fact::new(now, self.entropy.as_ref(), fact, actor.clone(), subject)
            .at_revision(edit.revision())
            .with(detail);
        facts::append(edit, &[fact]).await?;
        Ok(())
    }
}
