// Measures what each operation of the Auth.js adapter takes of DynamoDB Local: calls,
// and read and write capacity units as the service says. It prints costs.json.
//
//   npm install && node measure.mjs http://127.0.0.1:8000 >costs.json
import { readFileSync } from "node:fs"
import { DynamoDB } from "@aws-sdk/client-dynamodb"
import { DynamoDBDocument } from "@aws-sdk/lib-dynamodb"
import { DynamoDBAdapter } from "@auth/dynamodb-adapter"

const client = new DynamoDB({
  endpoint: process.argv[2],
  region: "local",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
})
const tableName = `authjs-${process.pid}`
const string = (AttributeName) => ({ AttributeName, AttributeType: "S" })
const keys = (partition, sort) => [
  { AttributeName: partition, KeyType: "HASH" },
  { AttributeName: sort, KeyType: "RANGE" },
]
await client.createTable({
  TableName: tableName,
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: ["pk", "sk", "GSI1PK", "GSI1SK"].map(string),
  KeySchema: keys("pk", "sk"),
  GlobalSecondaryIndexes: [
    { IndexName: "GSI1", KeySchema: keys("GSI1PK", "GSI1SK"), Projection: { ProjectionType: "ALL" } },
  ],
})

let cost
const document = DynamoDBDocument.from(client, { marshallOptions: { convertEmptyValues: true, removeUndefinedValues: true } })
document.middlewareStack.add(
  (next, context) => async (args) => {
    args.input.ReturnConsumedCapacity = "TOTAL"
    const result = await next(args)
    const consumed = [result.output.ConsumedCapacity ?? []].flat()
    const units = consumed.reduce((sum, c) => sum + c.CapacityUnits, 0)
    cost.calls++
    cost[/Get|Query/.test(context.commandName) ? "read" : "write"] += units
    return result
  },
  { step: "initialize" },
)

const adapter = DynamoDBAdapter(document, { tableName })
const operations = {}
const measure = async (name, call) => {
  cost = { calls: 0, read: 0, write: 0 }
  const result = await call()
  operations[name] = cost
  return result
}

const expires = new Date(Date.now() + 3600e3)
const email = "ada@example.com"
const user = await measure("CreateUser", () => adapter.createUser({ email, emailVerified: null }))
await measure("GetUser", () => adapter.getUser(user.id))
await measure("GetUserByEmail", () => adapter.getUserByEmail(email))
await measure("UpdateUser", () => adapter.updateUser({ id: user.id, name: "Ada" }))
const account = { provider: "github", providerAccountId: "1" }
await measure("LinkAccount", () => adapter.linkAccount({ ...account, userId: user.id, type: "oauth" }))
await measure("GetUserByAccount", () => adapter.getUserByAccount(account))
await measure("UnlinkAccount", () => adapter.unlinkAccount(account))
const sessionToken = crypto.randomUUID()
await measure("CreateSession", () => adapter.createSession({ sessionToken, userId: user.id, expires }))
await measure("GetSessionAndUser", () => adapter.getSessionAndUser(sessionToken))
await measure("UpdateSession", () => adapter.updateSession({ sessionToken, expires: new Date(Date.now() + 7200e3) }))
await measure("DeleteSession", () => adapter.deleteSession(sessionToken))
const link = { identifier: email, token: "0".repeat(64) }
await measure("CreateVerificationToken", () => adapter.createVerificationToken({ ...link, expires }))
await measure("UseVerificationToken", () => adapter.useVerificationToken(link))
await measure("DeleteUser", () => adapter.deleteUser(user.id))
cost = {}
await client.deleteTable({ TableName: tableName })

const { version } = JSON.parse(readFileSync("node_modules/@auth/dynamodb-adapter/package.json"))
console.log(JSON.stringify({ adapter: `@auth/dynamodb-adapter ${version}`, operations }, null, 2))
