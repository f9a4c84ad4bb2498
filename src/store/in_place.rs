//! SQLite's calls are made on the thread that needs them, while its other tasks go on elsewhere: a hop to the blocking pool
//! and back costs more than most statements.

use std::cell::Cell;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

/// How connections to SQLite block. What is called is done with the first poll, so nobody can go away in between.
pub struct InPlace;

impl SpawnBlocking for InPlace {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync + 'static>>> {
        async move { Ok(block_in_place(task)) }.boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Pieces of work that may block, few at once: each takes a thread, which the runtime would make for all that come.
pub(super) struct Pieces(Semaphore);

/// One may wait for the disk, and one for another process, while the others compute.
const WAITING_MAX: usize = 2;

impl Pieces {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Semaphore::new(cores + WAITING_MAX))
    }

    /// Polls the whole of `work` as what may block: calls that follow each other then share one hand-over of the thread.
    pub(super) async fn run<T>(&self, mut work: Pin<Box<impl Future<Output = T>>>) -> T {
        // A part of a piece takes no permit: whoever holds one must not wait for another.
        if INSIDE.get() {
            return work.await;
        }
        loop {
            // Held while it is polled, and not while it waits for a connection, a turn or others.
            let permit = self.0.acquire().await;
            let polled = poll_fn(|cx| Poll::Ready(block_in_place(|| inside(|| work.as_mut().poll(cx))))).await;
            drop(permit);
            if let Poll::Ready(done) = polled {
                return done;
            }
            woken().await;
        }
    }
}

thread_local! {
    /// Whether this thread polls a piece.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn inside<T>(work: impl FnOnce() -> T) -> T {
    INSIDE.set(true);
    let done = work();
    INSIDE.set(false);
    done
}

/// Waits until whatever was polled before has woken the task.
async fn woken() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
