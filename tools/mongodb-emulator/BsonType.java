import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;

/**
 * How the store holds keys and documents: as BSON, and in MongoDB's order. Its own way is Java's serialization, also to compare
 * two keys of an index, which took two thirds of the processor time of a write.
 */
class BsonType extends BasicDataType<Object> {
    static final BsonType INSTANCE = new BsonType();

    private static final byte MISSING = 0;
    private static final byte DOCUMENT = 1;
    private static final byte KEY = 2;
    private static final byte VALUE = 3;
    /** Name of the only field of a document that wraps what is none. */
    private static final String WRAPPED = "";
    /** About what a field costs beside its value: entry of a map, name and object header. */
    private static final int FIELD_BYTES = 64;

    /** Elements of keys in turn; a shorter key comes before those that begin like it. */
    @Override
    public int compare(Object left, Object right) {
        if (left instanceof String a && right instanceof String b) return a.compareTo(b);
        if (left instanceof KeyValue a && right instanceof KeyValue b) {
            for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
                int order = compare(a.get(i), b.get(i));
                if (order != 0) return order;
            }
            return Integer.compare(a.size(), b.size());
        }
        return ValueComparator.ascWithoutListHandling().compare(left, right);
    }

    /** An estimate, for the sizes of pages and of the cache. */
    @Override
    public int getMemory(Object object) {
        if (object instanceof String text) return 2 * text.length() + 40;
        int bytes = FIELD_BYTES;
        if (object instanceof Map<?, ?> document) {
            for (Object value : document.values()) bytes += FIELD_BYTES + getMemory(value);
        } else if (object instanceof Collection<?> list) {
            for (Object value : list) bytes += getMemory(value);
        } else if (object instanceof KeyValue key) {
            for (Object value : key) bytes += getMemory(value);
        }
        return bytes;
    }

    @Override
    public void write(WriteBuffer buffer, Object object) {
        if (object instanceof Missing) {
            buffer.put(MISSING);
            return;
        }
        ByteBuf bson = Unpooled.buffer(1024);
        if (object instanceof Document document) {
            buffer.put(DOCUMENT);
            BsonEncoder.encodeDocument(document, bson);
        } else if (object instanceof KeyValue key) {
            buffer.put(KEY);
            BsonEncoder.encodeDocument(new Document(WRAPPED, key.stream().toList()), bson);
        } else {
            buffer.put(VALUE);
            BsonEncoder.encodeDocument(new Document(WRAPPED, object), bson);
        }
        buffer.put(bson.array(), bson.arrayOffset(), bson.readableBytes());
    }

    @Override
    public Object read(ByteBuffer buffer) {
        byte kind = buffer.get();
        if (kind == MISSING) return Missing.getInstance();
        ByteBuf bson = Unpooled.wrappedBuffer(buffer.slice());
        Document document = BsonDecoder.decodeBson(bson);
        buffer.position(buffer.position() + bson.readerIndex());
        if (kind == DOCUMENT) return document;
        Object value = document.get(WRAPPED);
        return kind == KEY ? new KeyValue(new ArrayList<>((List<?>) value)) : value;
    }

    @Override
    public Object[] createStorage(int size) {
        return new Object[size];
    }
}
