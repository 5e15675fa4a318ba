//! Objects of a bucket for callers that know nothing of async: read by ranges, ahead of who reads.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use super::bucket::Bucket;
use super::{Found, Location, Wanted};
use crate::DataError;

/// A range that is asked for at a time, and how many are on their way.
const RANGE_BYTES: u64 = 8 << 20;
const RANGES: usize = 4;

/// Where requests run: one thread of our own, so that a caller may be of any runtime, or of none.
static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime without threads needs nothing but a file descriptor");
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

/// What a request comes to.
pub(crate) struct Answer<T>(Receiver<T>);

impl<T> Answer<T> {
    /// Waits for it.
    pub(crate) fn wait(self) -> T {
        self.0.recv().expect("a request that was sent is answered, if by an error")
    }
}

/// Sends a request.
pub(crate) fn send<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> Answer<T> {
    let (sender, answer) = channel();
    // Nobody may wait for it any more.
    RUNTIME.spawn(async move { drop(sender.send(request.await)) });
    Answer(answer)
}

/// An object as it was when it was found.
#[derive(Debug)]
pub(crate) struct Object {
    bucket: Arc<Bucket>,
    meta: ObjectMeta,
}

/// The objects that a path within a bucket stands for.
pub(crate) fn locate(bucket: Bucket, path: &str) -> Result<Vec<Found>, DataError> {
    let bucket = Arc::new(bucket);
    let (asked, path) = (bucket.clone(), path.to_owned());
    let found = send(async move { asked.find(Wanted::of(&path)).await }).wait()?;
    let of_object = |meta: ObjectMeta| Found {
        name: bucket.url(&meta.location),
        bytes: meta.size,
        at: Location::Object(Arc::new(Object { bucket: bucket.clone(), meta })),
    };
    Ok(found.into_iter().map(of_object).collect())
}

/// The object of that very name.
pub(crate) fn named(bucket: &Arc<Bucket>, path: &str) -> Result<Found, DataError> {
    let location = bucket.location(path)?;
    let asked = bucket.clone();
    let meta = send(async move { asked.store.head(&location).await.map_err(|error| asked.refused(&location, &error)) });
    let meta = meta.wait()?;
    let (name, bytes) = (bucket.url(&meta.location), meta.size);
    Ok(Found { name, bytes, at: Location::Object(Arc::new(Object { bucket: bucket.clone(), meta })) })
}

impl Object {
    /// Asks for some of its bytes.
    pub(crate) fn range(&self, range: Range<u64>) -> Answer<Result<Bytes, DataError>> {
        let (bucket, meta) = (self.bucket.clone(), self.meta.clone());
        send(async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                // What was listed may have been replaced since.
                if_match: meta.e_tag.clone(),
                ..GetOptions::default()
            };
            let found = match bucket.store.get_opts(&meta.location, options).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            found.map_err(|error| bucket.refused(&meta.location, &error))
        })
    }
}

/// An object's bytes from the first on.
pub(crate) struct Stream {
    object: Arc<Object>,
    next: u64,
    asked: VecDeque<Answer<Result<Bytes, DataError>>>,
    block: Bytes,
}

impl Stream {
    pub(crate) fn of(object: Arc<Object>) -> Self {
        Self { object, next: 0, asked: VecDeque::new(), block: Bytes::new() }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.block.is_empty() {
            while self.asked.len() < RANGES && self.next < self.object.meta.size {
                let end = (self.next + RANGE_BYTES).min(self.object.meta.size);
                self.asked.push_back(self.object.range(self.next..end));
                self.next = end;
            }
            let Some(answer) = self.asked.pop_front() else { return Ok(0) };
            self.block = answer.wait().map_err(io::Error::other)?;
        }
        let count = buffer.len().min(self.block.len());
        buffer[..count].copy_from_slice(&self.block.split_to(count));
        Ok(count)
    }
}
