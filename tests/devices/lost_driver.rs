//! A Vulkan driver that passes everything on to another one, `REAL_DRIVER`, and says that the device is lost once
//! `LOST_AFTER` submissions were made. Built by the test that uses it: `rustc --crate-type cdylib`.

use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::transmute;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

type Function = Option<unsafe extern "C" fn()>;
type GetAddress = unsafe extern "C" fn(*mut c_void, *const c_char) -> Function;
type Negotiate = unsafe extern "C" fn(*mut u32) -> i32;
type Submit = unsafe extern "C" fn(*mut c_void, u32, *const c_void, u64) -> i32;

const DEVICE_LOST: i32 = -4;
const NOW: i32 = 2;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: i32) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

static SUBMISSIONS: AtomicU64 = AtomicU64::new(0);
static SUBMIT: AtomicUsize = AtomicUsize::new(0);
static GET_DEVICE_ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// A symbol of the driver behind this one.
fn real(name: &CStr) -> *mut c_void {
    static LIBRARY: OnceLock<usize> = OnceLock::new();
    let library = *LIBRARY.get_or_init(|| {
        let path = CString::new(std::env::var("REAL_DRIVER").expect("REAL_DRIVER")).expect("a path");
        unsafe { dlopen(path.as_ptr(), NOW) as usize }
    });
    unsafe { dlsym(library as *mut c_void, name.as_ptr()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vk_icdNegotiateLoaderICDInterfaceVersion(version: *mut u32) -> i32 {
    unsafe { transmute::<*mut c_void, Negotiate>(real(c"vk_icdNegotiateLoaderICDInterfaceVersion"))(version) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vk_icdGetPhysicalDeviceProcAddr(instance: *mut c_void, name: *const c_char) -> Function {
    unsafe { transmute::<*mut c_void, GetAddress>(real(c"vk_icdGetPhysicalDeviceProcAddr"))(instance, name) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vk_icdGetInstanceProcAddr(instance: *mut c_void, name: *const c_char) -> Function {
    let found = unsafe { transmute::<*mut c_void, GetAddress>(real(c"vk_icdGetInstanceProcAddr"))(instance, name) };
    if unsafe { CStr::from_ptr(name) } == c"vkGetDeviceProcAddr" {
        GET_DEVICE_ADDRESS.store(found.map_or(0, |it| it as usize), Ordering::SeqCst);
        return Some(unsafe { transmute::<GetAddress, unsafe extern "C" fn()>(get_device_address) });
    }
    found
}

unsafe extern "C" fn get_device_address(device: *mut c_void, name: *const c_char) -> Function {
    let real = GET_DEVICE_ADDRESS.load(Ordering::SeqCst);
    let found = unsafe { transmute::<usize, GetAddress>(real)(device, name) };
    if unsafe { CStr::from_ptr(name) } == c"vkQueueSubmit" {
        SUBMIT.store(found.map_or(0, |it| it as usize), Ordering::SeqCst);
        return Some(unsafe { transmute::<Submit, unsafe extern "C" fn()>(submit) });
    }
    found
}

unsafe extern "C" fn submit(queue: *mut c_void, count: u32, submits: *const c_void, fence: u64) -> i32 {
    let most: u64 = std::env::var("LOST_AFTER").ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    if SUBMISSIONS.fetch_add(1, Ordering::SeqCst) >= most {
        return DEVICE_LOST;
    }
    unsafe { transmute::<usize, Submit>(SUBMIT.load(Ordering::SeqCst))(queue, count, submits, fence) }
}
