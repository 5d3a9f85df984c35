"""What people say to a chat that no library answers: greetings, thanks, tasks. Retrieval is on for these, too."""

TALK = """
Hello! | Hi | Hey there | Good morning | How are you? | How are you doing today? | Thanks! | Thank you very much | Ok | Yes
Great, thanks | That's perfect, thank you. | Bye | Good night | Who are you? | What can you do? | What is your name? | Test
Write me a poem about spring. | Tell me a joke. | Tell me a story about a dragon. | Write a limerick about cheese.
Continue | Can you help me? | Please explain that again. | Shorter, please. | Translate "good morning" into French. | Sure
What is 17 times 23? | Write a Python function that reverses a string. | How do I center a div in CSS? | No
What is the capital of Mongolia? | Give me a recipe for lasagne. | Suggest five names for a cat. | Why is the sky blue?
Write an email to my landlord about a broken heater. | How do I tie a bow tie? | What is the square root of 144?
Summarise your last answer in one sentence. | Hallo | Guten Morgen | Danke! | Vielen Dank, das hilft mir. | Wer bist du?
Wie geht es dir? | Ja | Nein, danke | Na gut | Schreib mir ein Gedicht über den Frühling. | Erzähl mir einen Witz.
Was ist die Hauptstadt von Peru? | Kannst du mir helfen? | Bonjour | Merci beaucoup | Comment ça va ? | Hola | Gracias
Raconte-moi une blague. | ¿Cómo estás? | Cuéntame un chiste. | 你好 | 谢谢 | 你是谁? | 给我写一首关于春天的诗。 | 讲个笑话
1加1等于几? | 早上好 | 再见
"""

SMALL_TALK = tuple(one.strip() for line in TALK.strip().splitlines() for one in line.split(" | "))
