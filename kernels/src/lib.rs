//! Kernels: the only code that runs on a device, with a host driver for each.

mod device;

pub use device::{Device, DeviceSpec, Unavailable};
