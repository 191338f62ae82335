// One binding for every index: the semi-ordered one and its rivals have the same calls.
//
// Each call parses its arguments with the GIL held, runs the core without it, and builds its answer
// with it again. Releasing is safe because the core touches no Python object: the arguments hold
// references to the arrays whose memory it reads, and the index itself is thread-safe.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "socbi/index.hpp"
#include "without_gil.hpp"

namespace socbi::bindings {

inline py::tuple to_tuple(Best&& best) {
  return py::make_tuple(to_array(std::move(best.ids)), to_array(std::move(best.scores)));
}

inline IndexOptions parse_options(const std::string& order, const std::string& ties,
                                  std::uint64_t seed, const std::string& refile,
                                  std::size_t node_capacity, std::size_t growth, unsigned threads) {
  const auto one_of = [](const std::string& value, const char* name, const char* first,
                         const char* second) {
    if (value != first && value != second) {
      throw std::invalid_argument(std::string(name) + " must be \"" + first + "\" or \"" + second +
                                  "\", got \"" + value + "\"");
    }
    return value == first;
  };
  IndexOptions options;
  options.order =
      one_of(order, "order", "smallest", "largest") ? Asked::kSmallest : Asked::kLargest;
  options.ties = one_of(ties, "ties", "random", "id") ? Ties::kRandom : Ties::kId;
  options.refile = one_of(refile, "refile", "lazy", "eager") ? Refile::kLazy : Refile::kEager;
  options.seed = seed;
  options.node_capacity = node_capacity;
  options.growth = growth;
  options.threads = threads;
  return options;
}

template <class Index>
std::unique_ptr<Index> make_index(const py::object& scores_or_n, const IndexOptions& options,
                                  bool nan_is_removed) {
  if (PyIndex_Check(scores_or_n.ptr()) != 0 && py::hasattr(scores_or_n, "__len__") == false) {
    const std::size_t size = count_argument(scores_or_n, "scores_or_n");
    return without_gil([&] { return std::make_unique<Index>(size, options); });
  }
  const ScoreArgument scores(scores_or_n, "scores_or_n", nan_is_removed);
  return without_gil([&] { return std::make_unique<Index>(scores.span(), options); });
}

template <class Index>
void register_index_class(py::module_& module, const char* name) {
  py::class_<Index>(module, name)
      .def(py::init([](const py::object& scores_or_n, const std::string& order,
                       const std::string& ties, std::uint64_t seed, const std::string& refile,
                       std::size_t node_capacity, std::size_t growth, unsigned threads,
                       bool nan_is_removed) {
             return make_index<Index>(
                 scores_or_n,
                 parse_options(order, ties, seed, refile, node_capacity, growth, threads),
                 nan_is_removed);
           }),
           py::arg("scores_or_n"), py::arg("order"), py::arg("ties"), py::arg("seed"),
           py::arg("refile"), py::arg("node_capacity"), py::arg("growth"), py::arg("threads"),
           py::arg("nan_is_removed"))
      .def(
          "add",
          [](Index& self, const py::object& ids, const py::object& delta, unsigned threads) {
            const IdArgument id_argument(ids);
            const ValueArgument deltas(delta, "delta", id_argument.span().size());
            without_gil([&] { self.add(id_argument.span(), deltas.values(), threads); });
          },
          py::arg("ids"), py::arg("delta"), py::arg("threads"), "Add to scores.")
      .def(
          "set",
          [](Index& self, const py::object& ids, const py::object& scores, unsigned threads) {
            const IdArgument id_argument(ids);
            const ValueArgument values(scores, "scores", id_argument.span().size());
            without_gil([&] { self.set(id_argument.span(), values.values(), threads); });
          },
          py::arg("ids"), py::arg("scores"), py::arg("threads"), "Replace scores.")
      .def(
          "set_all",
          [](Index& self, const py::object& scores) {
            const ScoreArgument values(scores, "scores");
            without_gil([&] { self.set_all(values.span()); });
          },
          py::arg("scores"), "Replace every score.")
      .def(
          "insert",
          [](Index& self, const py::object& scores) {
            const ScoreArgument values(scores, "scores");
            const std::int64_t first = without_gil([&] { return self.insert(values.span()); });
            return py::make_tuple(first, values.span().size());
          },
          py::arg("scores"), "Append samples; the first of their ids, and how many.")
      .def(
          "restore",
          [](Index& self, const py::object& ids, const py::object& scores) {
            const IdArgument id_argument(ids);
            const ValueArgument values(scores, "scores", id_argument.span().size());
            without_gil([&] { self.restore(id_argument.span(), values.values()); });
          },
          py::arg("ids"), py::arg("scores"), "Bring removed samples back.")
      .def(
          "remove",
          [](Index& self, const py::object& ids) {
            const IdArgument id_argument(ids);
            without_gil([&] { self.remove(id_argument.span()); });
          },
          py::arg("ids"), "Take samples out of the pool.")
      .def(
          "top",
          [](Index& self, const py::object& n) {
            const std::size_t wanted = count_argument(n, "n");
            return to_tuple(without_gil([&] { return self.top(wanted); }));
          },
          py::arg("n"), "The n best.")
      .def(
          "pop",
          [](Index& self, const py::object& n) {
            const std::size_t wanted = count_argument(n, "n");
            return to_tuple(without_gil([&] { return self.pop(wanted); }));
          },
          py::arg("n"), "The n best, removed.")
      .def(
          "rank_score",
          [](Index& self, const py::object& n) {
            const std::size_t rank = count_argument(n, "n");
            return without_gil([&] { return self.rank_score(rank); });
          },
          py::arg("n"), "The score of the n-th best.")
      .def(
          "scores",
          [](const Index& self) { return to_array(without_gil([&] { return self.scores(); })); },
          "Every score by id.")
      .def(
          "scores_of",
          [](const Index& self, const py::object& ids) {
            const IdArgument id_argument(ids);
            return to_array(without_gil([&] { return self.scores(id_argument.span()); }));
          },
          py::arg("ids"), "The scores of some ids.")
      .def(
          "ids",
          [](const Index& self) { return to_array(without_gil([&] { return self.ids(); })); },
          "The ids in the pool.")
      .def("__len__", &Index::size)
      .def(
          "contains",
          [](const Index& self, std::int64_t id) {
            return without_gil([&] { return self.contains(id); });
          },
          py::arg("id"), "Is the sample in the pool?")
      .def(
          "stats",
          [](const Index& self) {
            py::dict stats;
            for (const auto& [key, value] : without_gil([&] { return self.stats(); })) {
              stats[py::str(key)] = value;
            }
            return stats;
          },
          "Counters by name.")
      .def(
          "nbytes", [](const Index& self) { return without_gil([&] { return self.nbytes(); }); },
          "Bytes of memory held.")
      .def(
          "check", [](const Index& self) { return without_gil([&] { return self.check(); }); },
          "The first structural fault, or an empty string.");
}

}  // namespace socbi::bindings
