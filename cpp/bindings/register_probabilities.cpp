// Class probabilities. The Python callers are socbi.scorers.uncertainty and socbi.strategies, which
// pass matrices of float32 or float64 that lie row by row.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "register.hpp"
#include "socbi/probability_rows.hpp"
#include "without_gil.hpp"

namespace socbi::bindings {

namespace {

template <class Number>
using Matrix = py::array_t<Number, py::array::c_style>;

template <class Number>
void register_for(py::module_& module) {
  const auto shape = [](const Matrix<Number>& matrix) {
    if (matrix.ndim() != 2) throw std::invalid_argument("probabilities must be (n, classes)");
    return std::pair{static_cast<std::size_t>(matrix.shape(0)),
                     static_cast<std::size_t>(matrix.shape(1))};
  };
  module.def(
      "margins",
      [shape](const Matrix<Number>& probabilities, unsigned threads) {
        const auto [rows, classes] = shape(probabilities);
        py::array_t<double> found(static_cast<py::ssize_t>(rows));
        const Number* const p = probabilities.data();
        double* const out = found.mutable_data();
        without_gil([&, n = rows, k = classes] { margins(p, n, k, out, threads); });
        return found;
      },
      py::arg("probabilities").noconvert(), py::arg("threads"),
      "Of each row the largest number minus the second.");
  module.def(
      "are_shares",
      [shape](const Matrix<Number>& probabilities, double tolerance, unsigned threads) {
        const auto [rows, classes] = shape(probabilities);
        const Number* const p = probabilities.data();
        return without_gil(
            [&, n = rows, k = classes] { return are_shares(p, n, k, tolerance, threads); });
      },
      py::arg("probabilities").noconvert(), py::arg("tolerance"), py::arg("threads"),
      "Is every row of numbers from 0 on with the sum 1?");
}

}  // namespace

void register_probabilities(py::module_& module) {
  register_for<float>(module);
  register_for<double>(module);
}

}  // namespace socbi::bindings
