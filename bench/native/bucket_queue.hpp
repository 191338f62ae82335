// A bucket queue for counts, as in the peeling of graphs: one bag of ids a count.
//
// A hit adds one and appends the id to the bag of its new count; what it leaves behind in the old
// bag is passed over when met (lazy deletion). Retrieval takes from the lowest bag. Among equal
// counts the order is whatever the bag gives: less than the total order that the others keep. For
// one caller at a time; ids are not checked. It keeps nothing but what a user who knows that his
// scores are counts from zero would write.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace socbi::bench {

class BucketQueue {
 public:
  BucketQueue(std::size_t samples, std::uint64_t seed) : counts_(samples, 0), bags_(1) {
    bags_[0].resize(samples);
    for (std::size_t id = 0; id < samples; ++id) bags_[0][id] = static_cast<std::uint32_t>(id);
    std::shuffle(bags_[0].begin(), bags_[0].end(), std::mt19937_64(seed));
    filed_ = samples;
  }

  void add(std::span<const std::int64_t> ids) {
    for (const std::int64_t id : ids) {
      const std::uint32_t count = ++counts_[static_cast<std::size_t>(id)];
      if (count >= bags_.size()) bags_.resize(count + 1);
      bags_[count].push_back(static_cast<std::uint32_t>(id));
    }
    filed_ += ids.size();
    if (filed_ > 4 * counts_.size()) clean();
  }

  std::vector<std::int64_t> pop(std::size_t wanted) {
    std::vector<std::int64_t> taken;
    taken.reserve(wanted);
    for (; lowest_ < bags_.size(); ++lowest_) {
      std::vector<std::uint32_t>& bag = bags_[lowest_];
      while (!bag.empty()) {
        if (taken.size() == wanted) return taken;
        const std::uint32_t id = bag.back();
        bag.pop_back();
        if (bag.size() > kAhead) __builtin_prefetch(&counts_[bag[bag.size() - kAhead]]);
        if (counts_[id] != lowest_) continue;
        counts_[id] = kRemoved;
        taken.push_back(id);
      }
    }
    return taken;
  }

  [[nodiscard]] std::vector<float> scores() const {
    std::vector<float> all(counts_.size());
    for (std::size_t id = 0; id < all.size(); ++id) {
      all[id] = counts_[id] == kRemoved ? std::numeric_limits<float>::quiet_NaN()
                                        : static_cast<float>(counts_[id]);
    }
    return all;
  }

  [[nodiscard]] std::size_t nbytes() const {
    std::size_t bytes = counts_.capacity() * sizeof(std::uint32_t);
    for (const auto& bag : bags_) bytes += bag.capacity() * sizeof(std::uint32_t);
    return bytes;
  }

 private:
  static constexpr std::size_t kAhead = 16;
  static constexpr std::uint32_t kRemoved = std::numeric_limits<std::uint32_t>::max() / 2;

  /// Drops what was left behind in all bags, so that memory stays within 16 bytes a sample.
  void clean() {
    filed_ = 0;
    for (std::size_t count = 0; count < bags_.size(); ++count) {
      std::erase_if(bags_[count], [&](std::uint32_t id) { return counts_[id] != count; });
      filed_ += bags_[count].size();
    }
  }

  std::vector<std::uint32_t> counts_;
  std::vector<std::vector<std::uint32_t>> bags_;  // [count]
  std::size_t lowest_ = 0;
  std::size_t filed_ = 0;  // ids in the bags, those left behind among them
};

}  // namespace socbi::bench
