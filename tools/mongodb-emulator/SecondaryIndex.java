import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.h2.mvstore.MVMap;

/**
 * An index that is not unique, which the library does not have: each entry ends with the key of its document. With a partial filter
 * it holds only the documents that match it, and serves only queries that can match no other.
 */
class SecondaryIndex extends OrderedIndex {
    private static final Document EXISTS = new Document("$exists", true);

    /** Values of fields, or `EXISTS`; empty for an index of all documents. */
    private final Document filter;

    SecondaryIndex(MVMap<KeyValue, Object> positions, String name, List<IndexKey> keys, boolean sparse, Document filter) {
        super(positions, name, withDocumentKey(keys), sparse);
        this.filter = filter;
    }

    /** Whether every entry of a filter is one that this index understands. */
    static boolean understands(Document filter) {
        return filter.values().stream().allMatch(value -> !(value instanceof Document) || EXISTS.equals(value));
    }

    private static List<IndexKey> withDocumentKey(List<IndexKey> keys) {
        if (keys.stream().anyMatch(key -> key.getKey().equals("_id"))) return keys;
        List<IndexKey> all = new ArrayList<>(keys);
        all.add(new IndexKey("_id", true));
        return all;
    }

    @Override
    int usedKeys(Document query) {
        return filter.entrySet().stream().allMatch(entry -> isImplied(query, entry)) ? super.usedKeys(query) : 0;
    }

    private static boolean isImplied(Document query, Map.Entry<String, Object> entry) {
        Object asked = query.get(entry.getKey());
        if (!EXISTS.equals(entry.getValue())) return Objects.equals(asked, entry.getValue());
        return EXISTS.equals(asked) || isValue(asked) || asked instanceof Document range && isRange(range);
    }

    private boolean holds(Document document) {
        return filter.entrySet().stream().allMatch(entry -> EXISTS.equals(entry.getValue())
            ? document.containsKey(entry.getKey()) : Objects.equals(document.get(entry.getKey()), entry.getValue()));
    }

    /** The library lets only such an index lack a document. */
    @Override
    protected boolean isSparse() {
        return super.isSparse() || filter != null && !filter.isEmpty();
    }

    @Override
    public synchronized Object remove(Document document) {
        return holds(document) ? super.remove(document) : null;
    }

    @Override
    public synchronized void checkAdd(Document document, MongoCollection<Object> collection) {
        if (holds(document)) super.checkAdd(document, collection);
    }

    @Override
    public synchronized void add(Document document, Object position, MongoCollection<Object> collection) {
        if (holds(document)) super.add(document, position, collection);
    }

    @Override
    public synchronized void checkUpdate(Document before, Document after, MongoCollection<Object> collection) {
        // No two documents have one key.
    }

    @Override
    public void updateInPlace(Document before, Document after, Object position, MongoCollection<Object> collection) {
        if (holds(before) && holds(after) && nullAwareEqualsKeys(before, after)) return;
        remove(before);
        add(after, position, collection);
    }

    @Override
    public boolean canHandle(Document query) {
        return false;
    }

    @Override
    public boolean isUnique() {
        return false;
    }
}
