//! In tests, the WGPU runtime with an ear: it runs every kernel as WGPU does, and keeps those that were launched, so that
//! they can be compiled for CUDA where there is no such device.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use cubecl::cuda::CudaCompiler;
use cubecl::device::{DeviceId, DeviceService, ServerUtilitiesHandle};
use cubecl::ir::{ElemType, StorageType, TargetProperties};
use cubecl::prelude::*;
use cubecl::server::{
    Binding, ComputeServer, CopyDescriptor, KernelArguments, ProfileError, ProfilingToken, ServerCommunication,
    ServerError, ServerUtilities,
};
use cubecl::stream_id::StreamId;
use cubecl::wgpu::{AutoCompiler, WgpuDevice, WgpuRuntime, WgpuServer};
use cubecl::zspace::{Shape, Strides};
use cubecl::{
    CompilationError, Compiler, CubeTask, MemoryUsage, bytes::Bytes, future::DynFut, profile::ProfileDuration,
};
use cubecl_runtime::kernel::{CompiledKernel, CubeKernel, KernelDefinition, KernelMetadata, KernelTask};
use cubecl_runtime::logging::ServerLogger;
use cubecl_runtime::memory_management::{ManagedMemoryHandle, MemoryAllocationMode};
use cubecl_runtime::storage::{ComputeStorage, ManagedResource};

/// The WGPU runtime.
#[derive(Debug, Clone)]
pub struct Twin;

/// Keeps the definition that it was to compile.
#[derive(Debug, Clone, Default)]
pub struct Keeper {
    definition: Option<KernelDefinition>,
}

/// The text of a kernel that was kept.
#[derive(Debug)]
pub struct Kept;

impl std::fmt::Display for Kept {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

// SAFETY: a definition lives only between `compile` and `define` of one thread, which makes and takes it.
unsafe impl Send for Keeper {}
// SAFETY: as above.
unsafe impl Sync for Keeper {}

impl Compiler for Keeper {
    type Representation = Kept;
    type CompilationOptions = ();

    fn compile(
        &mut self,
        kernel: KernelDefinition,
        _: &(),
        _: ExecutionMode,
        _: StorageType,
    ) -> Result<Kept, CompilationError> {
        self.definition = Some(kernel);
        Ok(Kept)
    }

    fn elem_size(&self, elem: ElemType) -> usize {
        elem.size()
    }

    fn extension(&self) -> &'static str {
        "kept"
    }
}

/// A kernel that was launched.
#[derive(Clone)]
pub struct Launched(Arc<dyn CubeTask<Keeper>>, ExecutionMode);

impl KernelMetadata for Launched {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn id(&self) -> KernelId {
        self.0.id()
    }

    fn address_type(&self) -> StorageType {
        self.0.address_type()
    }
}

impl CubeKernel for Launched {
    fn define(&self) -> KernelDefinition {
        let mut keeper = Keeper::default();
        let compiled = self.0.compile(&mut keeper, &(), self.1, self.address_type());
        compiled.expect("a definition is kept");
        keeper.definition.expect("it was just kept")
    }
}

/// Whether bounds are not to be checked: see [`super::validation`].
static UNCHECKED: LazyLock<bool> = LazyLock::new(|| std::env::var_os(super::validation::UNCHECKED).is_some());

/// All kernels that this process launched, once for each compilation.
static LAUNCHED: LazyLock<Mutex<HashMap<KernelId, Launched>>> = LazyLock::new(Mutex::default);

/// All kernels that this process launched, compiled to CUDA C++ as the CUDA runtime would for this architecture.
pub fn launched_in_cuda(architecture: u32) -> Vec<CompiledKernel<CudaCompiler>> {
    let mut options = <CudaCompiler as Compiler>::CompilationOptions::default();
    options.supports_features.fast_math = true;
    options.supports_features.grid_constants = true;
    options.supports_features.fast_tanh = true;
    options.supports_features.clusters = architecture >= 90;
    options.supports_features.elect_sync = architecture >= 90;
    let launched: Vec<Launched> = LAUNCHED.lock().unwrap().values().cloned().collect();
    let compile = |kernel: Launched| {
        let (mode, address) = (kernel.1, kernel.address_type());
        let name = kernel.name();
        let task = KernelTask::<CudaCompiler, Launched>::new(kernel);
        let compiled = task.compile(&mut Default::default(), &options, mode, address);
        compiled.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    launched.into_iter().map(compile).collect()
}

/// The WGPU server.
#[derive(Debug)]
pub struct Server {
    inner: WgpuServer,
    utilities: Arc<ServerUtilities<Self>>,
}

type Policy = <WgpuServer as ComputeServer>::MemoryLayoutPolicy;
type Storage = <WgpuServer as ComputeServer>::Storage;

impl DeviceService for Server {
    fn init(device_id: DeviceId) -> Self {
        let inner = WgpuServer::init(device_id);
        let its = ComputeServer::utilities(&inner);
        let policy = Policy::new(its.properties.memory.alignment as usize);
        let utilities = ServerUtilities::new(its.properties.clone(), its.logger.clone(), its.info, policy);
        Self { inner, utilities: Arc::new(utilities) }
    }

    fn utilities(&self) -> ServerUtilitiesHandle {
        self.utilities.clone() as ServerUtilitiesHandle
    }
}

impl ServerCommunication for Server {
    const SERVER_COMM_ENABLED: bool = false;
}

impl ComputeServer for Server {
    type Kernel = Box<dyn CubeTask<Keeper>>;
    type Info = <WgpuServer as ComputeServer>::Info;
    type MemoryLayoutPolicy = Policy;
    type Storage = Storage;

    fn initialize_memory(&mut self, memory: ManagedMemoryHandle, size: u64, stream_id: StreamId) {
        self.inner.initialize_memory(memory, size, stream_id);
    }

    fn staging(&mut self, sizes: &[usize], stream_id: StreamId) -> Result<Vec<Bytes>, ServerError> {
        self.inner.staging(sizes, stream_id)
    }

    fn logger(&self) -> Arc<ServerLogger> {
        self.inner.logger()
    }

    fn utilities(&self) -> Arc<ServerUtilities<Self>> {
        self.utilities.clone()
    }

    fn read(&mut self, from: Vec<CopyDescriptor>, stream_id: StreamId) -> DynFut<Result<Vec<Bytes>, ServerError>> {
        self.inner.read(from, stream_id)
    }

    fn write(&mut self, to: Vec<(CopyDescriptor, Bytes)>, stream_id: StreamId) {
        self.inner.write(to, stream_id);
    }

    fn sync(&mut self, stream_id: StreamId) -> DynFut<Result<(), ServerError>> {
        self.inner.sync(stream_id)
    }

    fn get_resource(
        &mut self,
        binding: Binding,
        stream_id: StreamId,
    ) -> Result<ManagedResource<<Storage as ComputeStorage>::Resource>, ServerError> {
        self.inner.get_resource(binding, stream_id)
    }

    unsafe fn launch(
        &mut self,
        kernel: Self::Kernel,
        count: CubeCount,
        bindings: KernelArguments,
        mode: ExecutionMode,
        stream_id: StreamId,
    ) {
        let launched = Launched(Arc::from(kernel), mode);
        LAUNCHED.lock().unwrap().entry(launched.id()).or_insert_with(|| launched.clone());
        let task = Box::new(KernelTask::<AutoCompiler, Launched>::new(launched));
        let mode = if *UNCHECKED { ExecutionMode::Unchecked } else { mode };
        // SAFETY: as the caller's.
        unsafe { self.inner.launch(task, count, bindings, mode, stream_id) }
    }

    fn flush(&mut self, stream_id: StreamId) -> Result<(), ServerError> {
        self.inner.flush(stream_id)
    }

    fn memory_usage(&mut self, stream_id: StreamId) -> Result<MemoryUsage, ServerError> {
        self.inner.memory_usage(stream_id)
    }

    fn memory_cleanup(&mut self, stream_id: StreamId) {
        self.inner.memory_cleanup(stream_id);
    }

    fn start_profile(&mut self, stream_id: StreamId) -> Result<ProfilingToken, ServerError> {
        self.inner.start_profile(stream_id)
    }

    fn end_profile(&mut self, stream_id: StreamId, token: ProfilingToken) -> Result<ProfileDuration, ProfileError> {
        self.inner.end_profile(stream_id, token)
    }

    fn allocation_mode(&mut self, mode: MemoryAllocationMode, stream_id: StreamId) {
        self.inner.allocation_mode(mode, stream_id);
    }
}

impl Runtime for Twin {
    type Compiler = Keeper;
    type Server = Server;
    type Device = WgpuDevice;

    fn client(device: &Self::Device) -> ComputeClient<Self> {
        ComputeClient::load(device)
    }

    fn name(_: &ComputeClient<Self>) -> &'static str {
        "wgpu, heard"
    }

    fn max_cube_count() -> (u32, u32, u32) {
        WgpuRuntime::max_cube_count()
    }

    fn can_read_tensor(shape: &Shape, strides: &Strides) -> bool {
        WgpuRuntime::can_read_tensor(shape, strides)
    }

    fn target_properties() -> TargetProperties {
        WgpuRuntime::target_properties()
    }

    fn enumerate_devices(type_id: u16, info: &<Server as ComputeServer>::Info) -> Vec<DeviceId> {
        WgpuRuntime::enumerate_devices(type_id, info)
    }
}
