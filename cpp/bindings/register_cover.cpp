// The greedy cover. Its Python callers are socbi.strategies.cover_graph and greedy_cover, which
// have checked what they pass: arrays come here as numpy makes them of the right kind, or not at
// all.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "register.hpp"
#include "socbi/cover/cover_graph.hpp"
#include "socbi/cover/greedy_cover.hpp"
#include "without_gil.hpp"

namespace socbi::bindings {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> span_of(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
std::vector<T> copy_of(const Array<T>& array) {
  return {array.data(), array.data() + array.size()};
}

/// A cover, which reads weights and factors where the caller has them.
struct Greedy {
  Greedy(const CoverGraph& graph, const Array<double>& weights_given,
         const Array<double>& factors_given, const Array<std::uint8_t>& open,
         const Array<std::int64_t>& before, const CoverOptions& options)
      : weights(weights_given), factors(factors_given) {
    auto own_open = copy_of(open);
    const auto ids = span_of(before);
    const auto from = span_of(weights);
    const auto by = span_of(factors);
    cover = without_gil([&] {
      return std::make_unique<GreedyCover>(graph, from, by, std::move(own_open), ids, options);
    });
  }

  Array<double> weights;
  Array<double> factors;
  std::unique_ptr<GreedyCover> cover;
};

void register_graph(py::module_& module) {
  py::class_<CoverGraph>(module, "CoverGraph")
      .def(py::init([](const Array<std::int32_t>& neighbors) {
             if (neighbors.ndim() != 2) throw std::invalid_argument("neighbors must be (n, k)");
             const auto ids = span_of(neighbors);
             const auto rows = static_cast<std::size_t>(neighbors.shape(0));
             const auto width = static_cast<std::size_t>(neighbors.shape(1));
             return without_gil([&] { return std::make_unique<CoverGraph>(ids, rows, width); });
           }),
           py::arg("neighbors").noconvert())
      .def("__len__", &CoverGraph::size)
      .def("nbytes", &CoverGraph::nbytes, "Bytes of memory held.")
      .def(
          "degrees",
          [](const CoverGraph& self) {
            std::vector<std::int64_t> degrees(self.size());
            for (std::size_t row = 0; row < degrees.size(); ++row) {
              degrees[row] = static_cast<std::int64_t>(self.degree(row));
            }
            return to_array(std::move(degrees));
          },
          "How many each row serves, itself included.")
      .def(
          "row",
          [](const CoverGraph& self, std::size_t row) {
            if (row >= self.size()) throw UnknownId(0, static_cast<std::int64_t>(row), self.size());
            std::vector<std::int64_t> ids;
            std::vector<double> shares;
            self.each(row, [&](Id id, double share) {
              ids.push_back(id);
              shares.push_back(share);
            });
            return py::make_tuple(to_array(std::move(ids)), to_array(std::move(shares)));
          },
          py::arg("row"), "Whom a row serves, itself first, and by how much.");
}

void register_greedy(py::module_& module) {
  py::class_<Greedy>(module, "GreedyCover")
      .def(py::init([](const CoverGraph& graph, const Array<double>& weights,
                       const Array<double>& factors, const Array<std::uint8_t>& open,
                       const Array<std::int64_t>& before, std::uint64_t seed, unsigned threads) {
             return std::make_unique<Greedy>(graph, weights, factors, open, before,
                                             CoverOptions{seed, threads});
           }),
           py::arg("graph"), py::arg("weights").noconvert(), py::arg("factors").noconvert(),
           py::arg("open").noconvert(), py::arg("before").noconvert(), py::arg("seed"),
           py::arg("threads"), py::keep_alive<1, 2>())
      .def(
          "take",
          [](Greedy& self, std::size_t number) {
            Cover taken = without_gil([&] { return self.cover->take(number); });
            return py::make_tuple(to_array(std::move(taken.ids)), to_array(std::move(taken.values)),
                                  to_array(std::move(taken.served)),
                                  to_array(std::move(taken.served_end)),
                                  to_array(std::move(taken.tied)));
          },
          py::arg("number"), "The next, best first.")
      .def(
          "rounds", [](const Greedy& self) { return self.cover->rounds(); }, "Of serving.")
      .def(
          "passes", [](const Greedy& self) { return self.cover->passes(); }, "Over the graph.")
      .def(
          "updates", [](const Greedy& self) { return self.cover->updates(); }, "Of values.");
}

}  // namespace

void register_cover(py::module_& module) {
  register_graph(module);
  register_greedy(module);
}

}  // namespace socbi::bindings
