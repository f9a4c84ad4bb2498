//! SQLite's calls are made on the thread that needs them, while its other tasks go on elsewhere: a hop to the blocking pool
//! and back costs more than most statements.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;

use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
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

/// Polls the whole of `work` as what may block: calls that follow each other then share one hand-over of the thread.
pub(super) async fn in_one_piece<T>(mut work: Pin<Box<impl Future<Output = T>>>) -> T {
    poll_fn(|cx| block_in_place(|| work.as_mut().poll(cx))).await
}
