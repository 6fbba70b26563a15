import fastify from 'fastify';

/** The limit that `POST /predict` is measured against: Fastify parses JSON and sends it back. */
const app = fastify();
app.post('/predict', (request) => request.body);
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
