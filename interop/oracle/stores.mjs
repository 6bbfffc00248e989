// The published adapters, each on a client of its own.

import { DynamoDBAdapter } from "@auth/dynamodb-adapter";
import { MongoDBAdapter } from "@auth/mongodb-adapter";
import { UnstorageAdapter } from "@auth/unstorage-adapter";
import { UpstashRedisAdapter } from "@auth/upstash-redis-adapter";
import { DynamoDB } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocument } from "@aws-sdk/lib-dynamodb";
import { Redis as Upstash } from "@upstash/redis";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { createStorage } from "unstorage";
import redisDriver from "unstorage/drivers/redis";

import { AuthStore } from "../../npm/dist/index.js";

// Each takes the server's URL and the options of the adapter, and returns the adapter
// and how to close its client.
export const stores = {
  // The adapter of this module, on its service.
  authstore: async (url, options) => ({ adapter: AuthStore({ url, ...options }), close: async () => {} }),

  // The client of Upstash, with all that it does to values, whose commands go to a Redis
  // server instead of Upstash's REST API.
  async upstash(url, options) {
    const redis = new Redis(url);
    const one = async ([name, ...args]) => {
      try {
        return { result: await redis.call(name, ...args.map(String)) };
      } catch (error) {
        return { error: error.message };
      }
    };
    const requester = {
      readYourWrites: false,
      request: ({ path, body }) => (path?.[0] === "pipeline" ? Promise.all(body.map(one)) : one(body)),
    };
    return { adapter: UpstashRedisAdapter(new Upstash(requester), options), close: () => redis.quit() };
  },

  async unstorage(url, options) {
    const driver = redisDriver({ url });
    const storage = createStorage({ driver });
    return { adapter: UnstorageAdapter(storage, options), close: () => driver.getInstance().quit() };
  },

  async mongodb(url, options) {
    const client = new MongoClient(url);
    return { adapter: MongoDBAdapter(client, options), close: () => client.close() };
  },

  async dynamodb(url, options) {
    const client = new DynamoDB({
      endpoint: url,
      region: "local",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    // The settings are those of the adapter's manual.
    const document = DynamoDBDocument.from(client, {
      marshallOptions: { convertEmptyValues: true, removeUndefinedValues: true, convertClassInstanceToMap: true },
    });
    return { adapter: DynamoDBAdapter(document, options), close: async () => client.destroy() };
  },
};
