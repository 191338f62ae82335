// Tests of socbi/cover: the graph against pairs looked up one by one, the greedy choice against one
// that adds up every row for every pick. All seeds are fixed and are printed when a test fails.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "socbi/cover/cover_graph.hpp"
#include "socbi/cover/greedy_cover.hpp"
#include "socbi/errors.hpp"

namespace {

using socbi::Cover;
using socbi::CoverGraph;
using socbi::CoverOptions;
using socbi::GreedyCover;
using socbi::Id;

using Shares = std::map<std::int64_t, double>;

struct Neighbors {
  std::size_t rows;
  std::size_t width;
  std::vector<std::int32_t> ids;

  /// Rows of others, with holes; a sample's own id and an id twice now and then.
  static Neighbors drawn(std::mt19937& random, std::size_t rows, std::size_t width) {
    std::uniform_int_distribution<std::int32_t> any(-1, static_cast<std::int32_t>(rows) - 1);
    Neighbors drawn{rows, width, std::vector<std::int32_t>(rows * width)};
    for (std::int32_t& id : drawn.ids) id = any(random);
    return drawn;
  }

  [[nodiscard]] bool has(std::size_t row, std::size_t other) const {
    for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
      if (ids[i] == static_cast<std::int32_t>(other)) return true;
    }
    return false;
  }

  [[nodiscard]] Shares shares(std::size_t row) const {
    Shares found{{static_cast<std::int64_t>(row), 1.0}};
    for (std::size_t other = 0; other < rows; ++other) {
      const double share = 0.5 * (has(row, other) ? 1 : 0) + 0.5 * (has(other, row) ? 1 : 0);
      if (other != row && share > 0) found[static_cast<std::int64_t>(other)] = share;
    }
    return found;
  }
};

std::vector<double> eighths(std::mt19937& random, std::size_t count) {
  std::uniform_int_distribution<int> any(0, 4);
  std::vector<double> drawn(count);
  for (double& one : drawn) one = any(random) / 8.0;
  return drawn;
}

/// The plain form, of sums that are exact as they are.
Cover plain(const Neighbors& neighbors, const std::vector<double>& weights,
            const std::vector<double>& factors, std::vector<std::uint8_t> open, std::size_t number,
            std::uint64_t seed) {
  const socbi::TotalOrder order(socbi::Ties::kRandom, seed, neighbors.rows);
  std::vector<Shares> shares(neighbors.rows);
  for (std::size_t row = 0; row < neighbors.rows; ++row) shares[row] = neighbors.shares(row);
  std::vector<double> left = weights;
  std::vector<std::size_t> gone;
  Cover cover;
  bool over = false;
  const auto value = [&](std::size_t row) {
    double sum = 0;
    for (const auto& [id, share] : shares[row]) {
      sum += share * left[static_cast<std::size_t>(id)];
    }
    return factors[row] * sum;
  };
  const auto best = [&] {
    std::size_t found = neighbors.rows;
    for (std::size_t row = 0; row < neighbors.rows; ++row) {
      if (open[row] == 0) continue;
      const bool first = found == neighbors.rows;
      if (first || value(row) > value(found) ||
          (value(row) == value(found) &&
           order.tie(static_cast<Id>(row)) < order.tie(static_cast<Id>(found)))) {
        found = row;
      }
    }
    return found;
  };
  bool fresh = true;
  while (cover.ids.size() < number) {
    if (value(best()) == 0 && !over) {
      if (!fresh) {
        left = weights;
        for (const std::size_t row : gone) left[row] = 0;
        fresh = true;
      }
      over = value(best()) == 0;
    }
    const std::size_t taken = best();
    cover.ids.push_back(static_cast<std::int64_t>(taken));
    cover.values.push_back(value(taken));
    for (const auto& [id, share] : shares[taken]) {
      if (left[static_cast<std::size_t>(id)] > 0) cover.served.push_back(id);
      left[static_cast<std::size_t>(id)] = 0;
    }
    cover.served_end.push_back(static_cast<std::int64_t>(cover.served.size()));
    open[taken] = 0;
    gone.push_back(taken);
    fresh = false;
  }
  return cover;
}

TEST_CASE("the graph has each pair once, whole where it is mutual and half where it is not") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto neighbors = Neighbors::drawn(random, 1 + seed % 17, seed % 6);
    const CoverGraph graph(neighbors.ids, neighbors.rows, neighbors.width);
    const std::vector<double> weights = eighths(random, neighbors.rows);
    REQUIRE(graph.size() == neighbors.rows);
    for (std::size_t row = 0; row < neighbors.rows; ++row) {
      Shares found;
      graph.each(row, [&](Id id, double share) { CHECK(found.emplace(id, share).second); });
      CHECK(found == neighbors.shares(row));
      double sum = 0;
      for (const auto& [id, share] : found) sum += share * weights[static_cast<std::size_t>(id)];
      CHECK(graph.sum(row, weights.data()) == sum);
      CHECK(graph.degree(row) == found.size());
    }
  }
}

TEST_CASE("a graph with ids of nobody, or of another size than it says, is refused") {
  const std::vector<std::int32_t> beyond{1, 3, 0};
  CHECK_THROWS_AS(CoverGraph(beyond, 3, 1), std::invalid_argument);
  const std::vector<std::int32_t> below{1, -2, 0};
  CHECK_THROWS_AS(CoverGraph(below, 3, 1), std::invalid_argument);
  CHECK_THROWS_AS(CoverGraph(below, 2, 1), std::invalid_argument);
}

TEST_CASE("every pick is that of the plain form, however many are taken at once") {
  for (unsigned seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    // Some so large that the best are fetched more than once, in groups that go on behind.
    const std::size_t rows = seed % 10 == 9 ? 400 : 2 + seed % 40;
    const auto neighbors = Neighbors::drawn(random, rows, 1 + seed % 4);
    const CoverGraph graph(neighbors.ids, neighbors.rows, neighbors.width);
    const auto weights = eighths(random, neighbors.rows);
    const auto factors = eighths(random, neighbors.rows);
    std::vector<std::uint8_t> open(neighbors.rows);
    std::size_t candidates = 0;
    for (std::uint8_t& one : open) candidates += one = random() % 4 != 0 ? 1 : 0;
    const Cover expected = plain(neighbors, weights, factors, open, candidates, seed);
    GreedyCover greedy(graph, weights, factors, std::vector(open), {},
                       CoverOptions{seed, 1 + seed % 3});
    Cover found = greedy.take(candidates / 3);
    while (found.ids.size() < candidates) {
      const Cover more = greedy.take(candidates);
      REQUIRE(!more.ids.empty());
      const auto offset = static_cast<std::int64_t>(found.served.size());
      found.ids.insert(found.ids.end(), more.ids.begin(), more.ids.end());
      found.values.insert(found.values.end(), more.values.begin(), more.values.end());
      found.served.insert(found.served.end(), more.served.begin(), more.served.end());
      for (const std::int64_t end : more.served_end) found.served_end.push_back(end + offset);
    }
    CHECK(found.ids == expected.ids);
    CHECK(found.values == expected.values);
    CHECK(found.served == expected.served);
    CHECK(found.served_end == expected.served_end);
    CHECK(greedy.take(1).ids.empty());
  }
}

TEST_CASE("rounded weights are near, and their sums exact in any order") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> any(0, 1);
  std::vector<double> weights(200);
  for (double& one : weights) one = any(random);
  std::vector<double> rounded = weights;
  socbi::round_for_sums(rounded, weights.size());
  double forwards = 0;
  double backwards = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CHECK(std::abs(rounded[i] - weights[i]) < 1e-13);
    forwards += rounded[i];
    backwards += rounded[weights.size() - 1 - i];
  }
  CHECK(forwards == backwards);
  std::vector<double> again = rounded;
  socbi::round_for_sums(again, weights.size());
  CHECK(again == rounded);
}

TEST_CASE("what cannot be chosen by is refused") {
  const std::vector<std::int32_t> ids{1, 0};
  const CoverGraph graph(ids, 2, 1);
  const std::vector<double> large{1e39, 1};
  const std::vector<double> ones{1, 1};
  const auto make = [&](std::size_t weights, std::vector<std::int64_t> before) {
    return GreedyCover(graph, std::span(ones).first(weights), large,
                       std::vector<std::uint8_t>{1, 1}, before, {});
  };
  CHECK_THROWS_AS(make(1, {}), std::invalid_argument);
  CHECK_THROWS_AS(make(2, {}), std::invalid_argument);
  CHECK_THROWS_AS(make(2, {2}), socbi::UnknownId);
}

}  // namespace
