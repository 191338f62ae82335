// The opponents that are not worth shipping: absl::btree_set under a lock, and a bucket queue for
// counts. Built by bench/compiled.py into a module of its own.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "absl_set_ordering.hpp"
#include "bucket_queue.hpp"
#include "index_class.hpp"

namespace py = pybind11;

namespace {

using Int64s = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

void register_bucket_queue(py::module_& module) {
  using socbi::bench::BucketQueue;
  py::class_<BucketQueue>(module, "BucketQueue")
      .def(py::init<std::size_t, std::uint64_t>(), py::arg("samples"), py::arg("seed"))
      .def("add",
           [](BucketQueue& self, const Int64s& ids) {
             const std::span<const std::int64_t> hit(ids.data(),
                                                     static_cast<std::size_t>(ids.size()));
             const py::gil_scoped_release release;
             self.add(hit);
           })
      .def("pop",
           [](BucketQueue& self, std::size_t wanted) {
             std::vector<std::int64_t> ids;
             {
               const py::gil_scoped_release release;
               ids = self.pop(wanted);
             }
             return socbi::bindings::to_array(std::move(ids));
           })
      .def("scores",
           [](const BucketQueue& self) { return socbi::bindings::to_array(self.scores()); })
      .def("nbytes", &BucketQueue::nbytes);
}

}  // namespace

PYBIND11_MODULE(_rivals, module) {
  register_bucket_queue(module);
#ifdef SOCBI_HAS_ABSL
  socbi::bindings::register_index_class<socbi::BasicIndex<socbi::bench::AbslSetOrdering>>(
      module, "AbslSetIndex");
#endif
}
