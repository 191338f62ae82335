// What index.hpp asks of an ordering: the words both speak.
//
// The semi-ordered index and its rivals (baselines/) are one BasicIndex over different orderings,
// so that they have the same calls, the same checks and the same total order, and differ in nothing
// but how they find the best.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "socbi/score.hpp"

namespace socbi {

/// Which updates an ordering must be told of.
enum class Notice : std::uint8_t {
  kNone,     ///< none: it looks at the scores when asked
  kTowards,  ///< those that moved a score towards the asked end
  kEvery,    ///< all
};

enum class Refile : std::uint8_t { kLazy, kEager };

struct OrderingOptions {
  Refile refile = Refile::kLazy;
  std::size_t node_capacity = 0;  ///< 0: by what is asked for
  std::size_t growth = 1;         ///< capacity of a node over that of the one before
};

/// Names and numbers for `stats()`, in the order to be shown.
using Stats = std::vector<std::pair<std::string, std::uint64_t>>;

/// `Scratch` is what one thread keeps to itself while it works; its first member `alone` says that
/// no other thread is inside.
template <class T>
concept Ordering = requires(T ordering, const T& fixed, typename T::Scratch& scratch, Id id,
                            float score, std::vector<Key>& out, Stats& stats) {
  // May run beside other updates.
  { fixed.notice() } -> std::same_as<Notice>;
  { fixed.ready() } -> std::same_as<bool>;
  { fixed.wants_upkeep() } -> std::same_as<bool>;
  ordering.count_updates(std::size_t{}, bool{});  // how many, and whether towards the asked end
  ordering.settle(id, score, scratch);            // the sample is this thread's own
  ordering.settle_shared(id, score, scratch);     // others may change it too
  ordering.deliver(scratch);
  // The gate held alone.
  ordering.prepare();
  ordering.upkeep();
  ordering.forget();
  // The best, ascending: exactly as many as asked for, which are no more than the pool has. If they
  // are to be removed the ordering lets go of them, and its caller takes them out of the table.
  ordering.take(std::size_t{}, bool{}, out);
  { fixed.nbytes() } -> std::same_as<std::size_t>;
  { fixed.check() } -> std::same_as<std::string>;
  fixed.report(stats);
};

}  // namespace socbi
