// Tests of socbi/baselines/concurrent_btree.hpp: against std::set on one thread, and with an exact
// oracle on several. Tiny nodes make splits, merges and root changes common. All seeds are fixed
// and are printed when a test fails.

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "socbi/baselines/concurrent_btree.hpp"

namespace {

using socbi::baselines::BasicConcurrentBTree;
using socbi::baselines::ConcurrentBTree;
using Key = std::uint64_t;

// Fails the allocation that brings the countdown to zero, or every `period`-th one.
struct AllocationFaults {
  static inline std::atomic<long> countdown{-1};  // negative: never
  static inline std::atomic<long> period{0};      // 0: never
  static inline std::atomic<long> made{0};

  static void on_allocation() {
    const long number = made.fetch_add(1) + 1;
    const long every = period.load();
    if (every > 0 && number % every == 0) throw std::bad_alloc();
    if (countdown.load() >= 0 && countdown.fetch_sub(1) == 0) throw std::bad_alloc();
  }
  static void stop() {
    countdown = -1;
    period = 0;
  }
};

template <class T>
struct FaultyAllocator {
  using value_type = T;
  FaultyAllocator() = default;
  template <class U>
  FaultyAllocator(const FaultyAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) {
    AllocationFaults::on_allocation();
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const FaultyAllocator&, const FaultyAllocator&) { return true; }
};

using TinyTree = BasicConcurrentBTree<4, 4>;
using SmallTree = BasicConcurrentBTree<7, 5>;
using GroupedTree = BasicConcurrentBTree<16, 17>;  // the smallest that use the grouped search
using FaultyTree = BasicConcurrentBTree<4, 4, FaultyAllocator<std::byte>>;

template <class Tree>
std::vector<Key> content_of(const Tree& tree) {
  std::vector<Key> keys;
  tree.visit_ascending([&](Key key) {
    keys.push_back(key);
    return true;
  });
  return keys;
}

template <class Tree, class Reference>
void require_same(const Tree& tree, const Reference& reference) {
  REQUIRE(tree.check() == "");
  REQUIRE(tree.size() == reference.size());
  REQUIRE(content_of(tree) == std::vector<Key>(reference.begin(), reference.end()));
}

std::vector<Key> arithmetic_keys(std::size_t count, Key step) {
  std::vector<Key> keys(count);
  for (std::size_t i = 0; i < count; ++i) keys[i] = step * i;
  return keys;
}

template <bool kConcurrent, class Tree>
void compare_with_set(unsigned seed, Key range, int steps) {
  CAPTURE(seed);
  CAPTURE(range);
  std::mt19937_64 random(seed);
  Tree tree;
  std::set<Key> reference;
  int bias = 50;  // percent of insertions; drifts so that the tree grows and shrinks by turns
  for (int step = 0; step < steps; ++step) {
    if (step % 400 == 0) bias = bias == 70 ? 30 : 70;
    Key key = random() % range;
    if (random() % 64 == 0)
      key = std::numeric_limits<Key>::max() - random() % 2;  // the padding value is a key, too
    if (static_cast<int>(random() % 100) < bias) {
      REQUIRE(tree.template insert<kConcurrent>(key) == reference.insert(key).second);
    } else {
      REQUIRE(tree.template erase<kConcurrent>(key) == (reference.erase(key) == 1));
    }
    const Key probe = random() % range;
    REQUIRE(tree.template contains<kConcurrent>(probe) == reference.contains(probe));
    REQUIRE(tree.check() == "");
    if (step % 16 == 0) require_same(tree, reference);
  }
  require_same(tree, reference);
}

// Runs body(thread) on `threads` threads that start together.
template <class Body>
void run_together(unsigned threads, Body body) {
  std::atomic<bool> go{false};
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      while (!go.load()) std::this_thread::yield();
      body(t);
    });
  }
  go = true;
  for (std::thread& worker : workers) worker.join();
}

// Each key belongs to one thread (key % threads), so every answer is known. The keys of all threads
// are neighbours, so the threads meet in every leaf. Keys with (key / threads) % 8 == 0 are never
// erased, and all threads look for them. `Faults`: insert may throw, and then must have done
// nothing.
template <class Tree, bool kFaults = false>
void stress_owned_keys(unsigned seed, unsigned threads, Key range, int steps) {
  CAPTURE(seed);
  CAPTURE(threads);
  Tree tree;
  std::vector<char> present(range, 0);  // key -> expected; written by the owner of the key only
  for (Key key = 0; key < range; ++key) {
    if ((key / threads) % 8 == 0) {
      REQUIRE(tree.template insert<false>(key));
      present[key] = 1;
    }
  }
  const Key own_keys = range / threads;
  std::atomic<long> wrong_answers{0};
  std::atomic<long> lost_permanent{0};
  std::atomic<long> throws{0};
  if constexpr (kFaults) AllocationFaults::period = 3;
  run_together(threads, [&](unsigned thread) {
    std::mt19937_64 random(seed * 1000 + thread);
    for (int step = 0; step < steps; ++step) {
      // Long runs of insertions, then of erasures: the tree grows and shrinks under the others.
      const bool growing = (step / 256) % 2 == 0;
      const Key own = random() % own_keys;
      const Key key = own * threads + thread;
      if (own % 8 != 0) {
        try {
          const bool inserting = growing == (random() % 8 != 0);
          const bool expected = inserting ? present[key] == 0 : present[key] == 1;
          const bool done =
              inserting ? tree.template insert<true>(key) : tree.template erase<true>(key);
          if (done != expected) ++wrong_answers;
          present[key] = inserting ? 1 : 0;
        } catch (const std::bad_alloc&) {
          ++throws;
        }
      }
      const Key permanent = (random() % own_keys) / 8 * 8 * threads + random() % threads;
      if (!tree.template contains<true>(permanent)) ++lost_permanent;
      if (tree.template contains<true>(key) != (present[key] == 1)) ++wrong_answers;
    }
  });
  AllocationFaults::stop();
  CHECK(wrong_answers.load() == 0);
  CHECK(lost_permanent.load() == 0);
  if constexpr (kFaults) CHECK(throws.load() > 0);
  std::set<Key> reference;
  for (Key key = 0; key < range; ++key) {
    if (present[key] == 1) reference.insert(key);
  }
  require_same(tree, reference);
}

// All threads insert and erase the same few keys: successes of a key must alternate.
template <class Tree>
void stress_shared_keys(unsigned seed, unsigned threads, Key range, int steps) {
  CAPTURE(seed);
  CAPTURE(threads);
  Tree tree;
  std::vector<std::vector<long>> balances(threads, std::vector<long>(range, 0));
  run_together(threads, [&](unsigned thread) {
    std::mt19937_64 random(seed * 1000 + thread);
    std::vector<long>& balance = balances[thread];
    for (int step = 0; step < steps; ++step) {
      const Key key = random() % range;
      if (random() % 2 == 0) {
        balance[key] += tree.template insert<true>(key) ? 1 : 0;
      } else {
        balance[key] -= tree.template erase<true>(key) ? 1 : 0;
      }
    }
  });
  std::set<Key> reference;
  for (Key key = 0; key < range; ++key) {
    long sum = 0;
    for (const auto& balance : balances) sum += balance[key];
    CAPTURE(key);
    REQUIRE((sum == 0 || sum == 1));
    if (sum == 1) reference.insert(key);
  }
  require_same(tree, reference);
}

}  // namespace

TEST_CASE("concurrent_btree: an empty tree answers and allocates nothing") {
  ConcurrentBTree tree;
  CHECK(tree.empty());
  CHECK(tree.check() == "");
  CHECK(tree.nbytes() == sizeof(tree));
  CHECK_FALSE(tree.erase<false>(0));
  CHECK_FALSE(tree.erase<true>(std::numeric_limits<Key>::max()));
  CHECK_FALSE(tree.contains<false>(std::numeric_limits<Key>::max()));
  CHECK(content_of(tree).empty());
}

TEST_CASE("concurrent_btree: random operations agree with std::set") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    for (const Key range : {Key{12}, Key{60}, Key{400}}) {
      compare_with_set<false, TinyTree>(seed, range, 2000);
      compare_with_set<true, TinyTree>(seed, range, 2000);
      compare_with_set<true, SmallTree>(seed, range, 2000);
      compare_with_set<false, GroupedTree>(seed, range, 2000);
    }
    compare_with_set<true, GroupedTree>(seed, 2000, 3000);
    compare_with_set<false, ConcurrentBTree>(seed, 1500, 3000);
    compare_with_set<true, ConcurrentBTree>(seed, 1500, 3000);
  }
}

TEST_CASE_TEMPLATE("concurrent_btree: bulk_load of every small size, then use", Tree, TinyTree,
                   SmallTree, GroupedTree) {
  Tree tree;  // loaded again and again: the old content must go, its nodes must be used again
  for (std::size_t count = 0; count < 300; ++count) {
    CAPTURE(count);
    const std::vector<Key> keys = arithmetic_keys(count, 3);
    tree.bulk_load(keys);
    require_same(tree, keys);
    for (Key key = 0; key < 3 * count; key += 7)
      REQUIRE(tree.template insert<false>(key) == (key % 3 != 0));
    REQUIRE(tree.check() == "");
  }
}

TEST_CASE("concurrent_btree: bulk_load around full levels of the real node sizes") {
  ConcurrentBTree tree;
  for (const std::size_t full : {55U, 62U, 55U * 56U, 62U * 63U, 55U * 56U * 56U}) {
    for (const std::size_t count : {full - 1, full, full + 1}) {
      CAPTURE(count);
      const std::vector<Key> keys = arithmetic_keys(count, 5);
      tree.bulk_load(keys);
      require_same(tree, keys);
    }
  }
  const double bytes_per_key =
      static_cast<double>(tree.nbytes()) / static_cast<double>(tree.size());
  CHECK(bytes_per_key < 8 * 1.35);  // 90% full, inner nodes, the free list's room
  tree.bulk_load({});
  CHECK(tree.empty());
  CHECK(tree.nbytes() == sizeof(tree));
}

TEST_CASE_TEMPLATE("concurrent_btree: ascending and descending insertion, drain, refill", Tree,
                   TinyTree, SmallTree, ConcurrentBTree) {
  constexpr Key kCount = 3000;
  Tree tree;
  for (int round = 0; round < 2; ++round) {
    for (Key key = 0; key < kCount; ++key) {
      REQUIRE(tree.template insert<false>(key));
      if (key % 97 == 0) REQUIRE(tree.check() == "");
    }
    require_same(tree, arithmetic_keys(kCount, 1));
    const std::size_t full_bytes = tree.nbytes();
    for (Key key = 0; key < kCount; ++key) {  // from the small end
      REQUIRE(tree.template erase<true>(key));
      if (key % 97 == 0) REQUIRE(tree.check() == "");
    }
    CHECK(tree.empty());
    CHECK(tree.check() == "");
    for (Key key = kCount; key > 0; --key) REQUIRE(tree.template insert<true>(key - 1));
    require_same(tree, arithmetic_keys(kCount, 1));
    CHECK(tree.nbytes() <= full_bytes + full_bytes / 4);  // the nodes were used again
    for (Key key = kCount; key > 0; --key)
      REQUIRE(tree.template erase<false>(key - 1));  // from the large end
    CHECK(tree.empty());
  }
  tree.clear();
  CHECK(tree.nbytes() == sizeof(tree));
  CHECK(tree.check() == "");
}

TEST_CASE("concurrent_btree: memory stays bounded under erase + insert") {
  constexpr Key kCount = 20000;
  ConcurrentBTree tree;
  for (Key key = 0; key < kCount; ++key) tree.insert<false>(key);
  SUBCASE("a window that moves up") {
    for (Key key = 0; key < 20 * kCount; ++key) {
      REQUIRE(tree.erase<true>(key));
      REQUIRE(tree.insert<true>(key + kCount));
    }
  }
  SUBCASE("random replacement") {
    std::mt19937_64 random(11);
    std::vector<Key> live = arithmetic_keys(kCount, 1);
    for (Key step = 0; step < 10 * kCount; ++step) {
      Key& key = live[random() % kCount];
      REQUIRE(tree.erase<false>(key));
      do key = random();
      while (!tree.insert<false>(key));
    }
  }
  CHECK(tree.check() == "");
  CHECK(tree.size() == kCount);
  CHECK(tree.nbytes() < 8 * kCount * 3);  // a quarter full would be four times
}

TEST_CASE("concurrent_btree: visit_ascending stops when told") {
  TinyTree tree;
  tree.bulk_load(arithmetic_keys(500, 2));
  for (const std::size_t wanted : {1U, 4U, 5U, 128U, 500U}) {
    std::vector<Key> smallest;
    tree.visit_ascending([&](Key key) {
      smallest.push_back(key);
      return smallest.size() < wanted;
    });
    CHECK(smallest == arithmetic_keys(wanted, 2));
  }
}

TEST_CASE("concurrent_btree: concurrent, each key owned by one thread") {
  stress_owned_keys<TinyTree>(21, 2, 512, 120000);
  stress_owned_keys<TinyTree>(22, 4, 256, 60000);
  stress_owned_keys<SmallTree>(23, 4, 2048, 15000);
  stress_owned_keys<ConcurrentBTree>(24, 4, 16384, 15000);
}

TEST_CASE("concurrent_btree: concurrent, more threads than processors") {
  stress_owned_keys<TinyTree>(31, 20, 640, 10000);
  stress_owned_keys<ConcurrentBTree>(32, 20, 640, 3000);
}

TEST_CASE("concurrent_btree: concurrent, all threads want the same keys") {
  stress_shared_keys<TinyTree>(41, 2, 64, 30000);
  stress_shared_keys<TinyTree>(42, 4, 8, 15000);
  stress_shared_keys<SmallTree>(43, 20, 200, 3000);
  stress_shared_keys<ConcurrentBTree>(44, 4, 300, 15000);
}

TEST_CASE("concurrent_btree: a failed allocation changes nothing") {
  for (const bool concurrent : {false, true}) {
    FaultyTree tree;
    std::set<Key> reference;
    std::mt19937_64 random(51);
    int failures = 0;
    for (int step = 0; step < 4000; ++step) {
      const Key key = random() % 2000;
      const bool inserting = random() % 4 != 0;
      AllocationFaults::countdown = static_cast<long>(random() % 2);
      try {
        if (inserting) {
          const bool done = concurrent ? tree.insert<true>(key) : tree.insert<false>(key);
          REQUIRE(done == reference.insert(key).second);
        } else {
          const bool done = concurrent ? tree.erase<true>(key) : tree.erase<false>(key);
          REQUIRE(done == (reference.erase(key) == 1));
        }
      } catch (const std::bad_alloc&) {
        ++failures;
        REQUIRE(inserting);
      }
      AllocationFaults::stop();
      require_same(tree, reference);
    }
    CHECK(failures > 10);
  }
}

TEST_CASE("concurrent_btree: a failed allocation in bulk_load keeps the old content") {
  const std::vector<Key> few = arithmetic_keys(30, 7);
  const std::vector<Key> many = arithmetic_keys(500, 3);
  int failures = 0;
  for (bool loaded = false; !loaded;) {
    FaultyTree tree;
    tree.bulk_load(few);
    AllocationFaults::countdown = failures;
    try {
      tree.bulk_load(many);
      loaded = true;
    } catch (const std::bad_alloc&) {
      ++failures;
    }
    AllocationFaults::stop();
    require_same(tree, loaded ? many : few);
    REQUIRE(tree.insert<true>(1));
    REQUIRE(tree.check() == "");
  }
  CHECK(failures >= 3);
}

TEST_CASE("concurrent_btree: failed allocations on several threads") {
  stress_owned_keys<FaultyTree, true>(61, 4, 1024, 10000);
}
