use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory of an engine. Whoever starts to work is granted half of what is left, so that those who read from one
/// another, and hold memory at the same time, do not starve: what comes first in the config gets less. Nobody gets less
/// than a sixteenth of all, which only a long chain of steps that all hold memory can exceed.
#[derive(Debug, Clone)]
pub struct Memory {
    left: Arc<Mutex<usize>>,
    least: usize,
}

/// A part of the memory, given back when it is dropped.
#[derive(Debug)]
pub struct Grant {
    memory: Memory,
    /// What was taken from what was left.
    taken: usize,
    bytes: usize,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        Self { left: Arc::new(Mutex::new(bytes)), least: bytes / 16 }
    }

    pub fn grant(&self) -> Grant {
        let mut left = self.left();
        let taken = *left / 2;
        *left -= taken;
        Grant { memory: self.clone(), taken, bytes: taken.max(self.least) }
    }

    fn left(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    /// Whether so many bytes may be held.
    pub fn holds(&self, bytes: usize) -> bool {
        bytes <= self.bytes
    }

    /// How many bytes may be held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        *self.memory.left() += self.taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_never_exceed_the_memory_and_come_back() {
        let memory = Memory::new(100);
        let first = memory.grant();
        let second = memory.grant();
        assert_eq!((first.bytes(), second.bytes()), (50, 25));
        assert!(first.holds(50) && !first.holds(51));
        drop(first);
        assert_eq!(memory.grant().bytes(), 37);
        drop(second);
        assert_eq!(*memory.left(), 100);
        let many: Vec<Grant> = (0..20).map(|_| memory.grant()).collect();
        assert!(many.iter().all(|grant| grant.bytes() >= 6));
    }
}
