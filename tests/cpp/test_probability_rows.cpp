// Tests of socbi/probability_rows.hpp and row_blocks.hpp: rows in blocks over threads against rows
// one by one, and numbers sorted.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "socbi/probability_rows.hpp"
#include "socbi/row_blocks.hpp"

namespace {

TEST_CASE("every row is in one block, whatever the number of threads") {
  for (const std::size_t rows : {0U, 1U, 16'383U, 16'384U, 16'385U, 100'000U}) {
    for (const unsigned threads : {0U, 1U, 2U, 7U}) {
      CAPTURE(rows);
      CAPTURE(threads);
      std::vector<std::atomic<int>> seen(rows);
      socbi::in_row_blocks(rows, threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin; row < end; ++row) ++seen[row];
      });
      CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one == 1; }));
    }
  }
}

template <class Number>
void check_margins(std::size_t rows, std::size_t classes, unsigned threads) {
  CAPTURE(rows);
  CAPTURE(classes);
  std::mt19937 random(7);
  std::uniform_int_distribution<int> any(0, 9);
  std::vector<Number> p(rows * classes);
  for (Number& one : p) one = static_cast<Number>(any(random)) / 9;
  std::vector<double> found(rows);
  socbi::margins(p.data(), rows, classes, found.data(), threads);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = p.begin() + static_cast<std::ptrdiff_t>(row * classes);
    std::vector<Number> sorted(begin, begin + static_cast<std::ptrdiff_t>(classes));
    sorted.push_back(0);
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    CHECK(found[row] == static_cast<double>(sorted[0]) - static_cast<double>(sorted[1]));
  }
}

TEST_CASE("margins are those of the sorted row") {
  for (const std::size_t classes : {1U, 2U, 10U, 15U, 16U, 17U, 24U, 100U, 131U}) {
    check_margins<float>(50, classes, 1);
    check_margins<double>(50, classes, 2);
  }
  check_margins<double>(40'000, 3, 3);
}

TEST_CASE("shares are numbers from 0 on with the sum 1") {
  const auto are = [](std::vector<double> p) {
    return socbi::are_shares(p.data(), p.size() / 2, 2, 1e-2, 2);
  };
  CHECK(are({}));
  CHECK(are({0.5, 0.5, 1, 0, 0.505, 0.5}));
  CHECK_FALSE(are({0.5, 0.5, 0.6, 0.5}));
  CHECK_FALSE(are({0.5, 0.5, 1.5, -0.5}));
  CHECK_FALSE(are({0.5, std::numeric_limits<double>::quiet_NaN()}));
  CHECK_FALSE(are({std::numeric_limits<double>::infinity(), 0.0}));
  std::vector<double> many(2 * 100'000, 0.5);
  CHECK(are(many));
  many[2 * 99'999] = 2;
  CHECK_FALSE(are(many));
}

}  // namespace
