// socbi._core: the native index, its rivals, and passes over whole pools. Python users meet it
// through socbi.index, socbi.baselines, socbi.scorers and socbi.strategies, where the documentation
// is.
#include <pybind11/pybind11.h>

#include "register.hpp"
#include "socbi/worker_pool.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.doc() = "The native core of socbi.";
  module.attr("__version__") = SOCBI_VERSION;
  module.def("forked", &socbi::WorkerPool::forked,
             "Tell the core that this process is a fork: worker threads are started anew.");
  socbi::bindings::register_errors();
  socbi::bindings::register_index(module);
  socbi::bindings::register_baselines(module);
  socbi::bindings::register_cover(module);
  socbi::bindings::register_probabilities(module);
}
