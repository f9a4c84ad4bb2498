//! SQLite's one writer. Transactions take their turns with it, each a savepoint of one `BEGIN` that they share, and one
//! `COMMIT` serves them: one fsync for everybody who came while the one before was under way.
//!
//! Nobody is told of an end before the commit that holds it: neither who has written, nor who undid his own turn because
//! of what another of the group had written. No constraint of ours is deferred to the commit, where one would fail all.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use futures_util::FutureExt as _;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::conn::Lite;
use super::error::StoreError;
use super::lite;

/// A commit takes so many transactions at most, so that nobody waits for an endless row of others.
const GROUP_MAX: usize = 64;

/// Why nobody knows whether what was written is there.
const CLOSED: &str = "the connection was closed before the commit";

type Outcome = Result<(), Arc<StoreError>>;

/// Turns that have been released and wait for one commit.
struct Group {
    members: usize,
    outcome: watch::Sender<Option<Outcome>>,
}

/// The connection, and what is open on it.
#[derive(Default)]
struct Seat {
    /// Without one it is opened at the next turn.
    conn: Option<Lite>,
    /// There is one exactly while a transaction is open on the connection.
    group: Option<Group>,
}

/// The way in: turns are given in the order in which they were asked for.
pub(super) struct Writer {
    url: String,
    wait_max: Duration,
    seat: Arc<Mutex<Seat>>,
}

/// One transaction's turn. Dropped, it closes the connection and with it undoes the whole group: end it by a method.
pub struct Turn {
    pub(super) conn: Lite,
    seat: OwnedMutexGuard<Seat>,
}

impl Writer {
    pub(super) fn new(url: String, wait_max: Duration) -> Self {
        Self { url, wait_max, seat: Arc::default() }
    }

    pub(super) async fn begin(&self) -> Result<Turn, StoreError> {
        let seat = tokio::time::timeout(self.wait_max, self.seat.clone().lock_owned());
        let mut seat = seat.await.map_err(|late| StoreError::Busy(late.into()))?;
        if seat.group.as_ref().is_some_and(|group| group.members >= GROUP_MAX) {
            seat.commit().await;
        }
        let mut conn = if let Some(conn) = seat.conn.take() {
            conn
        } else {
            seat.fail();
            lite::connect(&self.url).await.map_err(|error| StoreError::Busy(error.into()))?
        };
        // IMMEDIATE: a transaction that reads first cannot become a writer while another process writes.
        let begin = if seat.group.is_some() { "SAVEPOINT turn" } else { "BEGIN IMMEDIATE; SAVEPOINT turn" };
        // Failed, it may stand in a transaction, so it is not put back.
        conn.batch_execute(begin).await.inspect_err(|_| seat.fail())?;
        seat.group.get_or_insert_with(|| Group { members: 0, outcome: watch::Sender::new(None) });
        Ok(Turn { conn, seat })
    }
}

impl Seat {
    /// Commits for the group, if there is one, and tells its members.
    async fn commit(&mut self) {
        let Some(group) = self.group.take() else { return };
        let done = match self.conn.take() {
            None => Err(StoreError::failed(CLOSED)),
            Some(mut conn) => match conn.batch_execute("COMMIT").await {
                Ok(()) => {
                    self.conn = Some(conn);
                    Ok(())
                }
                // Closed, so that nothing of it stays open.
                Err(error) => Err(error.into()),
            },
        };
        group.outcome.send_replace(Some(done.map_err(Arc::new)));
    }

    /// The connection is gone, and what the group had written with it.
    fn fail(&mut self) {
        if let Some(group) = self.group.take() {
            group.outcome.send_replace(Some(Err(Arc::new(StoreError::failed(CLOSED)))));
        }
    }
}

impl Turn {
    /// Returns once what was written is durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { mut conn, mut seat } = self;
        let released = conn.batch_execute("RELEASE turn").await;
        let (Ok(()), Some(group)) = (&released, &mut seat.group) else {
            seat.fail();
            // Without a group nothing would commit it: never a success.
            return Err(released.map_or_else(Into::into, |()| StoreError::failed(CLOSED)));
        };
        group.members += 1;
        let outcome = group.outcome.subscribe();
        if group.members == 1 {
            let seat = OwnedMutexGuard::mutex(&seat).clone();
            // It stands in line like any turn, so those who wait already join. A task of its own: no member that goes
            // away leaves the others without their commit.
            tokio::spawn(async move { seat.lock().await.commit().await });
        }
        seat.conn = Some(conn);
        drop(seat);
        told(outcome).await
    }

    /// Undoes what was written in this turn, and returns once what it saw of the others is durable: whoever undoes his
    /// own because of theirs looks again, and must find it.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        let group = self.seat.group.as_ref().filter(|group| group.members > 0);
        let others = group.map(|group| group.outcome.subscribe());
        self.undo()?;
        match others {
            Some(outcome) => told(outcome).await,
            None => Ok(()),
        }
    }

    /// Undoes what was written in this turn alone. Without awaiting anything, so that a drop can do it.
    pub(super) fn undo(self) -> Result<(), StoreError> {
        let Self { mut conn, mut seat } = self;
        let alone = seat.group.as_ref().is_none_or(|group| group.members == 0);
        let undo = if alone { "ROLLBACK" } else { "ROLLBACK TO turn; RELEASE turn" };
        // Calls are made in place, so the first poll is the last.
        let undone = conn.batch_execute(undo).now_or_never();
        match undone.unwrap_or(Err(diesel::result::Error::BrokenTransactionManager)) {
            Ok(()) => {
                seat.conn = Some(conn);
                if alone {
                    seat.group = None;
                }
                Ok(())
            }
            Err(error) => {
                seat.fail();
                Err(error.into())
            }
        }
    }
}

/// What the group's commit came to.
async fn told(mut outcome: watch::Receiver<Option<Outcome>>) -> Result<(), StoreError> {
    let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
    outcome.unwrap_or_else(|| Err(Arc::new(StoreError::failed(CLOSED)))).map_err(|error| match &*error {
        StoreError::Busy(_) => StoreError::Busy(error.into()),
        StoreError::Conflict(_) | StoreError::TooManyChanges { .. } | StoreError::Failed(_) => {
            StoreError::failed(error)
        }
    })
}

#[cfg(test)]
mod tests {

    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;
    use diesel_async::RunQueryDsl;
    use futures_util::future::{BoxFuture, join_all};

    use super::*;
    use crate::store::Tx;

    /// A reference that is looked at by COMMIT alone: the way to make one fail.
    const TABLES: &str = "CREATE TABLE one (id INTEGER PRIMARY KEY);
        CREATE TABLE other (one INTEGER REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED);";

    struct Bench {
        writer: Writer,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("doorward.db").display());
            let bench = Self { writer: Writer::new(url, Duration::from_secs(10)), _folder: folder };
            bench.write(TABLES).await.unwrap();
            bench
        }

        async fn begin(&self) -> Result<Tx, StoreError> {
            Ok(Tx::on_writer(self.writer.begin().await?))
        }

        async fn write(&self, statement: &str) -> Result<(), StoreError> {
            let mut tx = self.begin().await?;
            tx.batch(statement).await?;
            tx.commit().await
        }

        /// They stand in line while somebody has the writer, so one commit serves them.
        async fn together<'a, T>(&'a self, mut line: Vec<BoxFuture<'a, T>>) -> Vec<T> {
            let before = self.begin().await.unwrap();
            for waiting in &mut line {
                assert!(waiting.now_or_never().is_none());
            }
            drop(before);
            join_all(line).await
        }

        async fn writes(&self, statements: &[&str]) -> Vec<bool> {
            let line = statements.iter().map(|statement| self.write(statement).boxed()).collect();
            self.together(line).await.iter().map(Result::is_ok).collect()
        }

        /// How many rows whoever reads sees.
        async fn seen(&self) -> i64 {
            let mut reader = lite::connect(&self.writer.url).await.unwrap();
            sql::<BigInt>("SELECT count(*) FROM one").get_result(&mut reader).await.unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_fails_undoes_his_own_and_the_others_commit() {
        let bench = Bench::new().await;
        let [first, again, second] =
            ["INSERT INTO one VALUES (1)", "INSERT INTO one VALUES (1)", "INSERT INTO one VALUES (2)"];
        assert_eq!(bench.writes(&[first, again, second]).await, [true, false, true]);
        assert_eq!(bench.seen().await, 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_fails_is_told_to_all_of_its_group_and_the_next_goes_on() {
        let bench = Bench::new().await;
        let statements = ["INSERT INTO one VALUES (1)", "INSERT INTO other VALUES (99)", "INSERT INTO one VALUES (2)"];
        assert_eq!(bench.writes(&statements).await, [false; 3]);
        assert_eq!(bench.seen().await, 0);
        bench.write("INSERT INTO one VALUES (3)").await.unwrap();
        assert_eq!(bench.seen().await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_is_lost_is_told_to_all_of_its_group_and_the_next_goes_on() {
        let bench = Bench::new().await;
        let lost = async {
            drop(bench.writer.begin().await?);
            Ok(())
        };
        let line = vec![bench.write("INSERT INTO one VALUES (1)").boxed(), lost.boxed()];
        let done: Vec<_> = bench.together(line).await.iter().map(Result::is_ok).collect();
        assert_eq!(done, [false, true]);
        bench.write("INSERT INTO one VALUES (2)").await.unwrap();
        assert_eq!(bench.seen().await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_than_one_group_is_several() {
        let bench = Bench::new().await;
        let statement = "INSERT INTO one DEFAULT VALUES";
        assert_eq!(bench.writes(&[statement; 3 * GROUP_MAX + 1]).await, [true; 3 * GROUP_MAX + 1]);
        assert_eq!(bench.seen().await, 3 * 64 + 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_undoes_because_of_what_another_wrote_finds_it() {
        let bench = Bench::new().await;
        let first = async {
            bench.write("INSERT INTO one VALUES (1)").await.unwrap();
            bench.seen().await
        };
        let second = async {
            bench.begin().await.unwrap().rollback().await.unwrap();
            bench.seen().await
        };
        assert_eq!(bench.together(vec![first.boxed(), second.boxed()]).await, [1, 1]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_goes_away_while_waiting_for_the_commit_keeps_nobody_from_it() {
        let bench = Bench::new().await;
        let mut tx = bench.begin().await.unwrap();
        tx.batch("INSERT INTO one VALUES (1)").await.unwrap();
        let mut leaving = tx.commit().boxed();
        assert!((&mut leaving).now_or_never().is_none());
        drop(leaving);
        bench.write("INSERT INTO one VALUES (2)").await.unwrap();
        assert_eq!(bench.seen().await, 2);
    }
}
