use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};

use crate::DataError;
use crate::source::bucket::Bucket;
use crate::source::object::{Answer, send};

/// Bytes of a part, and how many are on their way. An object has at most 10,000 parts: this is good for 80 GB.
const PART_BYTES: usize = 8 << 20;
const PARTS: usize = 4;

type Parts = Box<dyn MultipartUpload>;

/// An object that is written in parts. It is not there before it is finished, and what was there before is; dropped
/// before that, its parts go.
pub(super) struct Upload {
    bucket: Arc<Bucket>,
    location: Path,
    /// Begun with the first part: a small object is put as one.
    parts: Option<Parts>,
    buffer: Vec<u8>,
    asked: VecDeque<Answer<Result<(), DataError>>>,
}

impl Upload {
    /// # Errors
    /// `Options` (`bad_url`).
    pub(super) fn new(bucket: Arc<Bucket>, path: &str) -> Result<Self, DataError> {
        let location = bucket.location(path)?;
        Ok(Self { bucket, location, parts: None, buffer: Vec::new(), asked: VecDeque::new() })
    }

    pub(super) fn url(&self) -> String {
        self.bucket.url(&self.location)
    }

    fn send_part(&mut self) -> Result<(), DataError> {
        if self.parts.is_none() {
            let (bucket, location) = (self.bucket.clone(), self.location.clone());
            let begun = async move {
                bucket.store.put_multipart(&location).await.map_err(|error| refused(&bucket, &location, &error))
            };
            self.parts = Some(send(begun).wait()?);
        }
        if self.asked.len() == PARTS
            && let Some(answer) = self.asked.pop_front()
        {
            answer.wait()?;
        }
        let payload = PutPayload::from_bytes(Bytes::from(std::mem::take(&mut self.buffer)));
        let part = self.parts.as_mut().expect("begun above").put_part(payload);
        let (bucket, location) = (self.bucket.clone(), self.location.clone());
        self.asked.push_back(send(async move { part.await.map_err(|error| refused(&bucket, &location, &error)) }));
        Ok(())
    }

    /// Sends what is left, and waits until all parts are there; the object is not yet.
    pub(super) fn settle(&mut self) -> Result<(), DataError> {
        if self.parts.is_some() && !self.buffer.is_empty() {
            self.send_part()?;
        }
        self.asked.drain(..).try_for_each(Answer::wait)
    }

    /// Makes the object appear.
    pub(super) fn finish(mut self) -> Result<(), DataError> {
        self.settle()?;
        let (bucket, location) = (self.bucket.clone(), self.location.clone());
        let parts = self.parts.take();
        let payload = PutPayload::from_bytes(Bytes::from(std::mem::take(&mut self.buffer)));
        let done = async move {
            let done = match parts {
                Some(mut parts) => match parts.complete().await {
                    Ok(_) => Ok(()),
                    Err(error) => {
                        // The error that comes first is the one to tell.
                        let _ = parts.abort().await;
                        Err(error)
                    }
                },
                None => bucket.store.put(&location, payload).await.map(|_| ()),
            };
            done.map_err(|error| refused(&bucket, &location, &error))
        };
        send(done).wait()
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PART_BYTES - self.buffer.len());
        self.buffer.reserve_exact(if self.buffer.is_empty() { PART_BYTES.min(4 * count) } else { 0 });
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == PART_BYTES {
            self.send_part().map_err(io::Error::other)?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        self.asked.drain(..).for_each(|answer| drop(answer.wait()));
        // What cannot be taken back now, the bucket's own rule for unfinished uploads takes.
        send(async move { drop(parts.abort().await) }).wait();
    }
}

/// The error of a bucket that did not take something.
pub(super) fn refused(bucket: &Bucket, at: &Path, error: &object_store::Error) -> DataError {
    let fault = bucket.refused(at, error).fault().clone();
    let code = if fault.code == "unreadable" { "unwritable" } else { fault.code };
    let message = fault.message.replacen("cannot be read", "cannot be written", 1);
    DataError::unwritable(crate::Fault { code, message, ..fault })
}
