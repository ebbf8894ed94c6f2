// A CUDA device for a PyTorch without CUDA: registered before PyTorch looks for one, and not there
// until pretend_cuda() is called. It has one stream and nothing to wait for; its tensors are made
// in Python (tensors.py).
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/engine.h>

namespace {
bool pretending = false;
constexpr auto cuda = c10::DeviceType::CUDA;

c10::Device first_device() { return {cuda, 0}; }
c10::Stream only_stream() { return c10::Stream(c10::Stream::DEFAULT, first_device()); }

struct OneDevice final : c10::impl::NoOpDeviceGuardImpl<cuda> {
  c10::Device exchangeDevice(c10::Device) const override { return first_device(); }
  c10::Device getDevice() const override { return first_device(); }
  c10::Stream getStream(c10::Device) const noexcept override { return only_stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return only_stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return only_stream(); }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
};

// Autograd and autocast ask here whether there is a GPU, and which is the current one.
struct Hooks final : at::CUDAHooksInterface {
  using Base = at::CUDAHooksInterface;
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override { if (!pretending) Base::init(); }
  bool hasCUDA() const override { return pretending; }
  bool isBuilt() const override { return pretending; }
  bool isAvailable() const override { return pretending; }
  bool hasPrimaryContext(c10::DeviceIndex index) const override {
    return pretending || Base::hasPrimaryContext(index);
  }
  std::string showConfig() const override {
    return pretending ? "pretended" : Base::showConfig();
  }
  c10::DeviceIndex deviceCount() const override { return pretending ? 1 : 0; }
  c10::DeviceIndex getCurrentDevice() const override { return pretending ? 0 : -1; }
  c10::DeviceIndex current_device() const override { return pretending ? 0 : -1; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};
}  // namespace

namespace at {
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, Hooks);
}

extern "C" void pretend_cuda() {
  if (pretending) return;
  static c10::impl::DeviceGuardImplRegistrar guard(cuda, new OneDevice());
  pretending = true;
  // Autograd counted the devices at its first backward pass: here once more, with this one.
  torch::autograd::Engine::get_default_engine().start_device_threads();
}
