import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.MaxKey;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * A unique index that also serves what MongoDB would serve from it: queries that name its first keys by value, and perhaps a range
 * of the next one, in either direction. The library's own is used only by queries that name all of its keys and nothing else.
 */
class OrderedIndex extends AbstractUniqueIndex<Object> {
    private static final Set<String> LOWER = Set.of("$gte", "$gt");
    private static final Set<String> UPPER = Set.of("$lte", "$lt");

    private final MVMap<KeyValue, Object> positions;
    /** Whether it lacks documents that a query may ask for. */
    private final boolean isIncomplete;

    OrderedIndex(MVMap<KeyValue, Object> positions, String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
        this.positions = positions;
        this.isIncomplete = sparse;
    }

    /**
     * Positions of all documents that may match, in the order of the index; null when the query does not name enough. Every
     * document still has to be matched. They are looked up as they are asked for, so that a limit ends the scan.
     */
    Iterable<Object> candidates(Document query) {
        return candidates(query, false);
    }

    /** @param backwards from the last entry to the first */
    Iterable<Object> candidates(Document query, boolean backwards) {
        if (usedKeys(query) == 0) return null;
        List<?> either = alternatives(query);
        if (either != null) {
            return () -> new InTurn(either.stream().map(value -> {
                Document one = new Document(query);
                one.put(keys().get(0), value);
                return candidates(one, backwards);
            }).iterator());
        }
        List<Object> prefix = prefix(query);
        Document range = range(query, prefix.size());
        return () -> backwards ? new Scan(prefix, range).backwards() : new Scan(prefix, range);
    }

    /** How many of the keys narrow a query down; 0 when the index does not serve it. */
    int usedKeys(Document query) {
        if (isIncomplete) return 0;
        List<?> either = alternatives(query);
        if (either != null) {
            if (either.isEmpty()) return 1;
            Document one = new Document(query);
            one.put(keys().get(0), either.get(0));
            return usedKeys(one);
        }
        int named = prefix(query).size();
        Document range = range(query, named);
        if (named == 0 && (range == null || bound(range, LOWER) == null)) return 0;
        return range == null ? named : named + 1;
    }

    /** The direction in which the candidates of a query come as it wants them sorted: 1, -1, or 0 when they do not. */
    int orderOf(Document query, Document orderBy) {
        if (orderBy == null || orderBy.size() != 1 || alternatives(query) != null) return 0;
        int named = prefix(query).size();
        return named < keys().size() && orderBy.get(keys().get(named)) instanceof Number direction ? direction.intValue() : 0;
    }

    private Document range(Document query, int at) {
        return at < keys().size() && query.get(keys().get(at)) instanceof Document next && isRange(next) ? next : null;
    }

    /** The values of which the first key has to be one; null when the query does not say so. */
    private List<?> alternatives(Document query) {
        boolean isList = query.get(keys().get(0)) instanceof Document first && first.keySet().equals(Set.of("$in"));
        if (!isList || !(((Document) query.get(keys().get(0))).get("$in") instanceof Collection<?> values)) return null;
        return values.stream().allMatch(OrderedIndex::isValue) ? values.stream().distinct().toList() : null;
    }

    private List<Object> prefix(Document query) {
        List<Object> prefix = new ArrayList<>();
        for (String key : keys()) {
            if (!isValue(query.get(key))) break;
            prefix.add(query.get(key));
        }
        return prefix;
    }

    /** One after the other, each only when it is asked for: the flatMap of a stream reads all of each. */
    private static class InTurn implements Iterator<Object> {
        private final Iterator<Iterable<Object>> all;
        private Iterator<Object> current = Collections.emptyIterator();

        InTurn(Iterator<Iterable<Object>> all) {
            this.all = all;
        }

        @Override
        public boolean hasNext() {
            while (!current.hasNext() && all.hasNext()) current = all.next().iterator();
            return current.hasNext();
        }

        @Override
        public Object next() {
            if (!hasNext()) throw new NoSuchElementException();
            return current.next();
        }
    }

    /** Reads some entries at a time: a cursor that rests while documents are read would outlive the pages that it stands on. */
    private class Scan implements Iterator<Object> {
        private static final int STEP = 256;

        private final Deque<Object> found = new ArrayDeque<>();
        private final int next;
        private final KeyValue begin;
        private final Object upper;
        private final Object lower;
        private KeyValue from;
        private boolean isFromDone = false;
        private boolean isBackwards = false;

        Scan(List<Object> prefix, Document range) {
            List<Object> first = new ArrayList<>(prefix);
            lower = range == null ? null : bound(range, LOWER);
            if (lower != null) first.add(lower);
            next = prefix.size();
            begin = prefix.isEmpty() ? null : new KeyValue(prefix).normalized();
            upper = range == null ? null : bound(range, UPPER);
            from = new KeyValue(first).normalized();
        }

        Scan backwards() {
            List<Object> last = begin == null ? new ArrayList<>() : new ArrayList<>(begin.stream().toList());
            if (upper != null) last.add(upper);
            // Behind every entry that begins like this.
            last.add(MaxKey.getInstance());
            from = new KeyValue(last).normalized();
            isBackwards = true;
            return this;
        }

        @Override
        public boolean hasNext() {
            if (found.isEmpty() && from != null) step();
            return !found.isEmpty();
        }

        @Override
        public Object next() {
            if (!hasNext()) throw new NoSuchElementException();
            return found.remove();
        }

        private void step() {
            Cursor<KeyValue, Object> cursor = positions.cursor(from, null, isBackwards);
            KeyValue last = null;
            while (cursor.hasNext() && found.size() < STEP) {
                KeyValue key = cursor.next();
                if (isFromDone && BsonType.INSTANCE.compare(key, from) == 0) continue;
                if (isBeyond(key)) {
                    from = null;
                    return;
                }
                found.add(cursor.getValue());
                last = key;
            }
            isFromDone = true;
            from = found.size() < STEP ? null : last;
        }

        private boolean isBeyond(KeyValue key) {
            if (begin != null && !startsWith(key, begin)) return true;
            Object end = isBackwards ? lower : upper;
            if (end == null) return false;
            int order = ValueComparator.ascWithoutListHandling().compare(key.get(next), end);
            return isBackwards ? order < 0 : order > 0;
        }
    }

    private static boolean startsWith(KeyValue key, KeyValue begin) {
        for (int i = 0; i < begin.size(); i++) {
            if (BsonType.INSTANCE.compare(key.get(i), begin.get(i)) != 0) return false;
        }
        return true;
    }

    /** What equals only itself. Arrays, expressions and patterns match more than one value: they are left to the library. */
    static boolean isValue(Object value) {
        return value instanceof String || value instanceof Number || value instanceof Boolean || value instanceof Instant
            || value instanceof ObjectId;
    }

    static boolean isRange(Document expression) {
        return expression.keySet().stream().allMatch(key -> LOWER.contains(key) || UPPER.contains(key))
            && expression.values().stream().allMatch(OrderedIndex::isValue);
    }

    private static Object bound(Document range, Set<String> operators) {
        Iterator<String> named = range.keySet().stream().filter(operators::contains).iterator();
        return named.hasNext() ? range.get(named.next()) : null;
    }

    @Override
    protected Object removeDocument(KeyValue key) {
        return positions.remove(key);
    }

    @Override
    protected boolean putKeyPosition(KeyValue key, Object position) {
        return positions.putIfAbsent(key, Missing.ofNullable(position)) == null;
    }

    @Override
    protected Iterable<Map.Entry<KeyValue, Object>> getIterable() {
        return positions.entrySet();
    }

    @Override
    protected Object getPosition(KeyValue key) {
        return positions.get(key);
    }

    @Override
    public long getCount() {
        return positions.sizeAsLong();
    }

    @Override
    public boolean isEmpty() {
        return positions.isEmpty();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }
}
