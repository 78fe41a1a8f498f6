import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/**
 * A unique index that also serves what MongoDB would serve from it: queries that name its first keys by value, and perhaps a range
 * of the next one. The library's own is used only by queries that name all of its keys and nothing else.
 */
class OrderedIndex extends AbstractUniqueIndex<Object> {
    private static final Set<String> LOWER = Set.of("$gte", "$gt");
    private static final Set<String> UPPER = Set.of("$lte", "$lt");

    private final MVMap<KeyValue, Object> positions;

    OrderedIndex(MVMap<KeyValue, Object> positions, String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
        this.positions = positions;
    }

    /**
     * Positions of all documents that may match, in the order of the index; null when the query does not name enough. Every
     * document still has to be matched.
     */
    List<Object> candidates(Document query) {
        if (isSparse()) return null;
        List<Object> prefix = new ArrayList<>();
        for (String key : keys()) {
            if (!isValue(query.get(key))) break;
            prefix.add(query.get(key));
        }
        Document range = prefix.size() < keys().size() && query.get(keys().get(prefix.size())) instanceof Document next
            && isRange(next) ? next : null;
        if (prefix.isEmpty() && (range == null || bound(range, LOWER) == null)) return null;
        return scan(prefix, range);
    }

    private List<Object> scan(List<Object> prefix, Document range) {
        Object lower = range == null ? null : bound(range, LOWER);
        Object upper = range == null ? null : bound(range, UPPER);
        List<Object> from = new ArrayList<>(prefix);
        if (lower != null) from.add(lower);
        List<Object> found = new ArrayList<>();
        Cursor<KeyValue, Object> cursor = positions.cursor(new KeyValue(from).normalized());
        KeyValue begin = prefix.isEmpty() ? null : new KeyValue(prefix).normalized();
        while (cursor.hasNext()) {
            KeyValue key = cursor.next();
            if (begin != null && !startsWith(key, begin)) break;
            if (upper != null && ValueComparator.ascWithoutListHandling().compare(key.get(prefix.size()), upper) > 0) break;
            found.add(cursor.getValue());
        }
        return found;
    }

    private static boolean startsWith(KeyValue key, KeyValue begin) {
        for (int i = 0; i < begin.size(); i++) {
            if (BsonType.INSTANCE.compare(key.get(i), begin.get(i)) != 0) return false;
        }
        return true;
    }

    /** What equals only itself. Arrays, expressions and patterns match more than one value: they are left to the library. */
    private static boolean isValue(Object value) {
        return value instanceof String || value instanceof Number || value instanceof Boolean || value instanceof Instant
            || value instanceof ObjectId;
    }

    private static boolean isRange(Document expression) {
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
